/* SPDX-License-Identifier: MIT */

/* Who pays for subordinate uids, by a file that may hold anything and may change. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "security/subuid.h"
#include "util/log.h"
#include "unit.h"

static void sink(void *ctx, const struct spool_log_line *line);

static struct spool_log lines = {.sink = sink, .level = SPOOL_LOG_INFO};
static char path[] = "/tmp/spool-subuid-XXXXXX";

/* In the place of libc's, by itself a server of accounts. */
int getpwnam_r(const char *name, struct passwd *ret, char *buffer, size_t size,
	       struct passwd **ret_found)
{
	bool is_root = strcmp(name, "root") == 0, is_large = strcmp(name, "large") == 0;

	(void)buffer;
	*ret_found = is_root || is_large ? ret : NULL;
	ret->pw_uid = is_root ? 0 : 1002;
	if (is_large && size < 10000)
		return ERANGE;
	return strcmp(name, "unreachable") == 0 ? EIO : 0;
}

static void write_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A reader of this text alone. */
static struct spool_subuids *reader_of(const char *text)
{
	struct spool_subuids *subuids;

	write_file(text);
	CU_ASSERT_EQUAL_FATAL(spool_subuids_new(path, spool_subuids_read, NULL, &lines, &subuids),
			      0);
	return subuids;
}

static void owners(void)
{
	struct spool_subuids *subuids =
		reader_of("1000:100000:65536\nroot:200000:10\n1001:300000:1\n");

	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 99999), 99999);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 1000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 165535), 1000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 165536), 165536);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 200009), 0);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 300000), 1001);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 1000), 1000);
	spool_subuids_free(subuids);
}

/* Lines that mean nothing are passed over; people's own uids are never somebody else's. */
static void nonsense(void)
{
	struct spool_subuids *subuids = reader_of(
		"\n:::\nno-such-user-here:100000:65536\n1000\n1000:100000\n1000:x:5\n1000:100000:"
		"0\n"
		"1000:-1:5\n1000:4294967295:5\n1000:99999999999999999999:1\n1000:100000:-5\n"
		"7:0:65536\n8:1000:100000\n9:4294967290:4294967295\n10:500000:1\n10:500000");

	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 1001), 1001);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 65535), 65535);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 65536), 8); /* of 1000 to 100999 */
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100999), 8);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 101000), 101000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 4294967294u), 9);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 500000), 10);
	spool_subuids_free(subuids);
}

static void names(void)
{
	struct spool_subuids *subuids = reader_of("no-such-user:100000:10\nlarge:200000:10\n");

	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 100000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 200000), 1002);
	spool_subuids_free(subuids);
}

/* A table without the lines of users of whom nobody can tell would end their sessions. */
static void users_that_cannot_be_looked_up(void)
{
	write_file("1000:100000:10\nunreachable:200000:10\n");
	CU_ASSERT_PTR_NULL(spool_subuids_read(NULL, path, -1));
	CU_ASSERT_EQUAL(errno, EIO);
}

static void no_file(void)
{
	struct spool_subuids *subuids;

	CU_ASSERT_EQUAL_FATAL(
		spool_subuids_new("/nowhere/subuid", spool_subuids_read, NULL, &lines, &subuids),
		0);
	spool_subuids_refresh(subuids, 100000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 100000);
	spool_subuids_free(subuids);
	spool_subuids_refresh(NULL, 100000);
	spool_subuids_free(NULL);
}

/* A table that is not whole would end sessions of users whose lines are missing. */
static void a_file_that_cannot_be_read(void)
{
	static const char itself[] = "/tmp/spool-subuid-itself";
	struct spool_subuid_table *table = spool_subuids_read(NULL, "/nowhere/subuid", -1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	CU_ASSERT_EQUAL(table->n, 0);
	free(table);
	unlink(itself);
	CU_ASSERT_EQUAL_FATAL(symlink(itself, itself), 0);
	CU_ASSERT_PTR_NULL(spool_subuids_read(NULL, itself, -1));
	CU_ASSERT_EQUAL(errno, ELOOP);
	unlink(itself);
	CU_ASSERT_PTR_NULL(spool_subuids_read(NULL, "/tmp", -1));
	CU_ASSERT_EQUAL(errno, EISDIR); /* as it is read */
}

/* It is looked at once in a second; an ordinary uid is no reason to look. */
static void a_change_is_seen(void)
{
	struct spool_subuids *subuids = reader_of("1000:100000:65536\n");
	const struct timespec step = {.tv_nsec = 50 * 1000 * 1000};
	uid_t owner = 1000;

	write_file("1001:100000:65536\n# and more\n");
	spool_subuids_refresh(subuids, 1000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 1000);
	for (int i = 0; i < 12000 && owner == 1000; i++) {
		nanosleep(&step, NULL);
		spool_subuids_refresh(subuids, 100000);
		owner = spool_subuids_owner(subuids, 100000);
	}
	CU_ASSERT_EQUAL(owner, 1001);
	spool_subuids_free(subuids);
}

/* Who must know what holds asks until it is known. */
static void check(void)
{
	struct spool_subuids *subuids = reader_of("1000:100000:65536\n");
	const struct timespec step = {.tv_nsec = 1000 * 1000};

	CU_ASSERT_EQUAL(spool_subuids_check(subuids), 0);
	write_file("1001:100000:65536\n# and more\n");
	CU_ASSERT_EQUAL(spool_subuids_check(subuids), -EAGAIN);
	while (spool_subuids_check(subuids) == -EAGAIN)
		nanosleep(&step, NULL);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 1001);
	unlink(path);
	while (spool_subuids_check(subuids) == -EAGAIN)
		nanosleep(&step, NULL);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 100000);
	spool_subuids_free(subuids);
}

/* A reader that is not answered until it is let go, but for the first time */
struct service {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int n_asked;
	bool open;
};

static struct spool_subuid_table *read_slowly(void *ctx, const char *name, int limit_ms)
{
	struct service *service = ctx;

	pthread_mutex_lock(&service->lock);
	service->n_asked++;
	pthread_cond_broadcast(&service->changed);
	while (service->n_asked > 1 && !service->open)
		pthread_cond_wait(&service->changed, &service->lock);
	pthread_mutex_unlock(&service->lock);
	return spool_subuids_read(NULL, name, limit_ms);
}

static unsigned int times_asked(struct service *service)
{
	unsigned int n;

	pthread_mutex_lock(&service->lock);
	n = service->n_asked;
	pthread_mutex_unlock(&service->lock);
	return n;
}

/* As long as there is no answer, what was known before holds, and nobody waits. */
static void names_that_take_for_ever(void)
{
	struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER,
				  .changed = PTHREAD_COND_INITIALIZER};
	const struct timespec step = {.tv_nsec = 50 * 1000 * 1000};
	struct spool_subuids *subuids;

	write_file("1000:100000:65536\n");
	CU_ASSERT_EQUAL_FATAL(spool_subuids_new(path, read_slowly, &service, &lines, &subuids), 0);
	write_file("1002:100000:65536\n# more\n");
	while (times_asked(&service) < 2) {
		spool_subuids_refresh(subuids, 100000);
		nanosleep(&step, NULL);
	}
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 1000);
	pthread_mutex_lock(&service.lock);
	service.open = true;
	pthread_cond_broadcast(&service.changed);
	pthread_mutex_unlock(&service.lock);
	while (spool_subuids_owner(subuids, 100000) != 1002)
		nanosleep(&step, NULL);
	spool_subuids_free(subuids);
}

static char last_line[SPOOL_LOG_LINE_MAX];
static atomic_uint n_lines;

static void sink(void *ctx, const struct spool_log_line *line)
{
	(void)ctx;
	snprintf(last_line, sizeof(last_line), "%s", line->text);
	atomic_fetch_add(&n_lines, 1);
}

/* @ctx: an errno, or 0. */
static struct spool_subuid_table *read_or_not(void *ctx, const char *name, int limit_ms)
{
	int error = atomic_load((atomic_int *)ctx);

	if (error == 0)
		return spool_subuids_read(NULL, name, limit_ms);
	errno = error;
	return NULL;
}

/* Sessions wait for it: it is said once, and again when that is over. */
static void who_cannot_read_says_so(void)
{
	const struct timespec step = {.tv_nsec = 1000 * 1000};
	atomic_int error = ETIMEDOUT;
	struct spool_subuids *subuids;

	write_file("1000:100000:65536\n");
	atomic_store(&n_lines, 0);
	CU_ASSERT_EQUAL_FATAL(spool_subuids_new(path, read_or_not, &error, &lines, &subuids), 0);
	CU_ASSERT_EQUAL(atomic_load(&n_lines), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_line, path));
	CU_ASSERT_PTR_NOT_NULL(strstr(last_line, strerror(ETIMEDOUT)));
	CU_ASSERT_PTR_NOT_NULL(strstr(last_line, "sessions of uids do not end"));
	CU_ASSERT_EQUAL(spool_subuids_check(subuids), -EAGAIN);
	atomic_store(&error, ECANCELED);
	CU_ASSERT_EQUAL(spool_subuids_check(subuids), -EAGAIN);
	atomic_store(&error, 0);
	while (spool_subuids_check(subuids) == -EAGAIN)
		nanosleep(&step, NULL);
	spool_subuids_free(subuids);
	CU_ASSERT_EQUAL(atomic_load(&n_lines), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_line, "has been read"));
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"owners", owners},
		{"nonsense", nonsense},
		{"names", names},
		{"users that cannot be looked up", users_that_cannot_be_looked_up},
		{"no file", no_file},
		{"a file that cannot be read", a_file_that_cannot_be_read},
		{"a change is seen", a_change_is_seen},
		{"check", check},
		{"names that take for ever", names_that_take_for_ever},
		{"who cannot read says so", who_cannot_read_says_so},
	};
	int r, fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	r = unit_run("subuid", tests, sizeof(tests) / sizeof(tests[0]));
	unlink(path);
	return r;
}
