/* SPDX-License-Identifier: MIT */

/* What everything stands on: numbers as people write them, lines of the log, locks in their order,
 * and the services of the machine. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "util/descriptors.h"
#include "util/host.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/proc.h"
#include "util/text.h"

#define UNTOUCHED 4242u

static const char *const not_numbers[] = {"",     " 1", "1 ",  "+1", "-1", "1.5", "0x10", "1kk",
					  "1KiB", "k",  "one", "1,", "%",  "1\n", "\x80"};

static void test_bytes(void)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0},
		    {"1", 1},
		    {"007", 7},
		    {"1k", 1024},
		    {"1K", 1024},
		    {"64m", (uint64_t)64 << 20},
		    {"2G", (uint64_t)2 << 30},
		    {"3t", (uint64_t)3 << 40},
		    {"4P", (uint64_t)4 << 50},
		    {"7e", (uint64_t)7 << 60},
		    {"9223372036854775807", INT64_MAX},
		    {"9007199254740991k", (uint64_t)INT64_MAX - 1023}};
	static const char *const large[] = {"9223372036854775808", "8e", "9007199254740992k",
					    "99999999999999999999999999", "18446744073709551616"};
	uint64_t value;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(good); i++) {
		CU_ASSERT_EQUAL(spool_parse_bytes(good[i].text, &value), 0);
		CU_ASSERT_EQUAL(value, good[i].value);
		CU_ASSERT_EQUAL(spool_parse_count(good[i].text, &value), 0);
		CU_ASSERT_EQUAL(value, good[i].value);
	}
	value = UNTOUCHED;
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(large); i++)
		CU_ASSERT_EQUAL(spool_parse_bytes(large[i], &value), -ERANGE);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(not_numbers); i++)
		CU_ASSERT_EQUAL(spool_parse_bytes(not_numbers[i], &value), -EINVAL);
	CU_ASSERT_EQUAL(value, UNTOUCHED);
}

static void test_percent(void)
{
	unsigned int value;

	CU_ASSERT_EQUAL(spool_parse_percent("0%", &value), 0);
	CU_ASSERT_EQUAL(value, 0);
	CU_ASSERT_EQUAL(spool_parse_percent("100%", &value), 0);
	CU_ASSERT_EQUAL(value, 100);
	value = UNTOUCHED;
	CU_ASSERT_EQUAL(spool_parse_percent("101%", &value), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_percent("99999999999999999999%", &value), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_percent("50", &value), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_percent("5%%", &value), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_percent("5%5", &value), -EINVAL);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(not_numbers); i++)
		CU_ASSERT_EQUAL(spool_parse_percent(not_numbers[i], &value), -EINVAL);
	CU_ASSERT_EQUAL(value, UNTOUCHED);
}

static void test_seconds(void)
{
	uint32_t value;

	CU_ASSERT_EQUAL(spool_parse_seconds("0", &value), 0);
	CU_ASSERT_EQUAL(value, 0);
	CU_ASSERT_EQUAL(spool_parse_seconds("10s", &value), 0);
	CU_ASSERT_EQUAL(value, 10);
	CU_ASSERT_EQUAL(spool_parse_seconds("5m", &value), 0);
	CU_ASSERT_EQUAL(value, 300);
	CU_ASSERT_EQUAL(spool_parse_seconds("2h", &value), 0);
	CU_ASSERT_EQUAL(value, 7200);
	CU_ASSERT_EQUAL(spool_parse_seconds("1d", &value), 0);
	CU_ASSERT_EQUAL(value, 86400);
	CU_ASSERT_EQUAL(spool_parse_seconds("2147483647", &value), 0);
	CU_ASSERT_EQUAL(value, INT32_MAX);
	value = UNTOUCHED;
	CU_ASSERT_EQUAL(spool_parse_seconds("2147483648", &value), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_seconds("24856d", &value), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_seconds("1w", &value), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_seconds("", &value), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_seconds("-1", &value), -EINVAL);
	CU_ASSERT_EQUAL(value, UNTOUCHED);
}

static void test_modes_and_ids(void)
{
	mode_t mode = UNTOUCHED;
	uint32_t id;

	CU_ASSERT_EQUAL(spool_parse_octal("8", &mode), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_octal("", &mode), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_octal("10000", &mode), -ERANGE);
	CU_ASSERT_EQUAL(mode, UNTOUCHED);
	CU_ASSERT_EQUAL(spool_parse_octal("7777", &mode), 0);
	CU_ASSERT_EQUAL(mode, 07777);
	CU_ASSERT_EQUAL(spool_parse_octal("0700", &mode), 0);
	CU_ASSERT_EQUAL(mode, 0700);
	CU_ASSERT_EQUAL(spool_parse_id("0", &id), 0);
	CU_ASSERT_EQUAL(id, 0);
	CU_ASSERT_EQUAL(spool_parse_id("4294967294", &id), 0);
	CU_ASSERT_EQUAL(id, 4294967294u);
	id = UNTOUCHED;
	CU_ASSERT_EQUAL(spool_parse_id("4294967295", &id), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_id("99999999999999999999", &id), -ERANGE);
	CU_ASSERT_EQUAL(spool_parse_id("01", &id), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_id("00", &id), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_id("root", &id), -EINVAL);
	CU_ASSERT_EQUAL(spool_parse_id("1k", &id), -EINVAL);
	CU_ASSERT_EQUAL(id, UNTOUCHED);
}

static void test_format(void)
{
	char buf[16];

	spool_format_bytes(0, buf);
	CU_ASSERT_STRING_EQUAL(buf, "0");
	spool_format_bytes(1023, buf);
	CU_ASSERT_STRING_EQUAL(buf, "1023");
	spool_format_bytes(1024, buf);
	CU_ASSERT_STRING_EQUAL(buf, "1K");
	spool_format_bytes((uint64_t)16 << 20, buf);
	CU_ASSERT_STRING_EQUAL(buf, "16M");
	spool_format_bytes((uint64_t)3 << 29, buf);
	CU_ASSERT_STRING_EQUAL(buf, "1.5G");
	spool_format_bytes(UINT64_MAX, buf);
	CU_ASSERT_TRUE(strlen(buf) < sizeof(buf));
}

static char logged[SPOOL_LOG_LINE_MAX];
static unsigned int n_logged;
static size_t n_fields;

static void sink(void *ctx, const struct spool_log_line *line)
{
	CU_ASSERT_PTR_EQUAL(ctx, logged);
	CU_ASSERT_EQUAL(line->level, SPOOL_LOG_WARNING);
	snprintf(logged, sizeof(logged), "%s", line->text);
	n_fields = line->n_fields;
	errno = EIO; /* a sink may do that */
	n_logged++;
}

static void test_log(void)
{
	const struct spool_log_field fields[] = {{.name = "A", .number = 1}, {.name = "B"}};
	struct spool_log log = {.sink = sink, .ctx = logged, .level = SPOOL_LOG_WARNING};
	char text[2 * SPOOL_LOG_LINE_MAX];

	n_logged = 0;
	errno = ENOENT;
	spool_log(&log, SPOOL_LOG_WARNING, "%d %s", 42, "words");
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_STRING_EQUAL(logged, "42 words");
	CU_ASSERT_EQUAL(n_fields, 0);
	spool_log(&log, SPOOL_LOG_INFO, "too detailed");
	CU_ASSERT_EQUAL(n_logged, 1);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	spool_log(&log, SPOOL_LOG_WARNING, "%s", text);
	CU_ASSERT_EQUAL(strlen(logged), SPOOL_LOG_LINE_MAX - 1);
	spool_log_with(&log, SPOOL_LOG_WARNING, fields, 2, "A is %d", 1);
	CU_ASSERT_STRING_EQUAL(logged, "A is 1");
	CU_ASSERT_EQUAL(n_fields, 2);
	CU_ASSERT_EQUAL(n_logged, 3);
	spool_log(NULL, SPOOL_LOG_ERROR, "nowhere");
	log.sink = NULL;
	spool_log(&log, SPOOL_LOG_ERROR, "nowhere");
	CU_ASSERT_EQUAL(n_logged, 3);
	CU_ASSERT_STRING_EQUAL(spool_log_level_name(SPOOL_LOG_ERROR), "error");
	CU_ASSERT_STRING_EQUAL(spool_log_level_name(SPOOL_LOG_DEBUG), "debug");
	CU_ASSERT_STRING_EQUAL(spool_log_level_name((enum spool_log_level)99), "unknown");
}

/* Whether the lock checker ends a process that does this. */
static bool aborts(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static struct spool_mutex first, second;
static struct spool_cond cond;

static void in_order(void)
{
	spool_mutex_lock(&first, SPOOL_RANK_DIR);
	spool_mutex_lock(&second, SPOOL_RANK_NODE);
	spool_mutex_unlock(&first);
	spool_mutex_unlock(&second);
	spool_lock_assert_none();
}

static void against_it(void) SPOOL_UNCHECKED
{
	spool_mutex_lock(&first, SPOOL_RANK_NODE);
	spool_mutex_lock(&second, SPOOL_RANK_DIR);
}

static void same_rank(void) SPOOL_UNCHECKED
{
	spool_mutex_lock(&first, SPOOL_RANK_POOL);
	spool_mutex_lock(&second, SPOOL_RANK_POOL);
}

static void held_at_the_end(void) SPOOL_UNCHECKED
{
	spool_mutex_lock(&first, SPOOL_RANK_DIR);
	spool_lock_assert_none();
}

/* Whoever needs the second one would wait for as long as this thread sleeps. */
static void sleeps_with_another(void) SPOOL_UNCHECKED
{
	spool_mutex_lock(&first, SPOOL_RANK_DIR);
	spool_mutex_lock(&second, SPOOL_RANK_NODE);
	spool_cond_wait(&cond, &second, 0);
}

static void test_lock_order(void)
{
	bool checked = false;

#ifdef SPOOL_LOCK_CHECK
	checked = true;
#endif
	spool_mutex_init(&first);
	spool_mutex_init(&second);
	in_order();
	CU_ASSERT_EQUAL(aborts(in_order), false);
	CU_ASSERT_EQUAL(aborts(against_it), checked);
	CU_ASSERT_EQUAL(aborts(same_rank), checked);
	CU_ASSERT_EQUAL(aborts(held_at_the_end), checked);
	spool_cond_init(&cond);
	CU_ASSERT_EQUAL(aborts(sleeps_with_another), checked);
	spool_cond_fini(&cond);
	spool_mutex_fini(&first);
	spool_mutex_fini(&second);
}

/* A time that has come ends a wait, and the lock is held again behind it. */
static void test_condition(void)
{
	spool_mutex_init(&first);
	spool_cond_init(&cond);
	spool_mutex_lock(&first, SPOOL_RANK_DIR);
	spool_cond_wake(&cond); /* nobody sleeps: nothing is kept of it */
	CU_ASSERT_FALSE(spool_cond_wait(&cond, &first, 0));
	CU_ASSERT_EQUAL(pthread_mutex_trylock(&first.mutex), EBUSY);
	spool_mutex_unlock(&first);
	spool_cond_fini(&cond);
	spool_mutex_fini(&first);
}

/* Whether the mapping at @addr has @flag ("dd": not in core dumps) in smaps. */
static bool has_flag(const void *addr, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool here = false, found = false;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from <= (unsigned long)addr && (unsigned long)addr < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag);
	}
	if (file)
		fclose(file);
	return found;
}

static void test_host(void)
{
	const struct spool_host *host = spool_host_system();
	static const char zeros[4096];
	char *bytes = spool_alloc(host, sizeof(zeros));
	bool locked = false;
	void *secret, *arena;
	int fd;

	CU_ASSERT_EQUAL(memcmp(bytes, zeros, sizeof(zeros)), 0);
	spool_free(host, bytes);
	spool_free(host, NULL);
	fd = host->arena_open(host->ctx);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(host->arena_map(host->ctx, fd, 0, 1 << 20, &arena), 0);
	CU_ASSERT_TRUE(has_flag(arena, " dd"));
	memset(arena, 'x', 1 << 20);
	CU_ASSERT_EQUAL(host->arena_punch(host->ctx, fd, 4096, 4096), 0);
	CU_ASSERT_EQUAL(memcmp((char *)arena + 4096, zeros, sizeof(zeros)), 0);
	CU_ASSERT_EQUAL(*(char *)arena, 'x');
	CU_ASSERT_EQUAL(((char *)arena)[8192], 'x');
	host->arena_unmap(host->ctx, arena, 1 << 20);
	host->arena_close(host->ctx, fd);
	secret = host->secret_map(host->ctx, 4096, &locked);
	CU_ASSERT_PTR_NOT_NULL_FATAL(secret);
	CU_ASSERT_EQUAL(memcmp(secret, zeros, sizeof(zeros)), 0);
	CU_ASSERT_TRUE(has_flag(secret, " dd"));
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	CU_ASSERT_TRUE(locked); /* their mlock() does nothing */
#else
	CU_ASSERT_EQUAL(has_flag(secret, " lo"), locked);
#endif
	host->secret_unmap(host->ctx, secret, 4096);
}

/* As the kernel writes them: a process in a pid namespace below ours has two numbers. */
static void test_proc_status(void)
{
	static const struct {
		const char *text;
		uint64_t caps;
		bool top_pidns;
		uid_t uid;
		bool traced;
	} files[] = {
		{"CapEff:\t000001ffffffffff\nNSpid:\t7\n", 0x1ffffffffff, true, UINT32_MAX, false},
		{"Uid:\t1\t2\t3\t4\nCapEff:\t0000000000200000\nNSpid:\t7\t1\n", 0x200000, false, 4,
		 0},
		{"CapEff:\t000001ffffdfffff\nNSpid:\t7\n", 0x1ffffdfffff, true, UINT32_MAX, false},
		{"TracerPid:\t9\nUid:\t1\t1\t1\t1\n", 0, false, 1, true},
		{"State:\tt (tracing stop)\nTracerPid:\t0\n", 0, false, UINT32_MAX, true},
		{"State:\tT (stopped)\nTracerPid:\t0\n", 0, false, UINT32_MAX, false},
		{"CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n", 0, false, UINT32_MAX,
		 false},
		{"", 0, false, UINT32_MAX, false}};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(files); i++) {
		struct spool_proc_status status = {.caps = 1, .top_pidns = true};
		int fd = memfd_create("status", MFD_CLOEXEC);
		char path[32];

		CU_ASSERT_EQUAL(write(fd, files[i].text, strlen(files[i].text)),
				(ssize_t)strlen(files[i].text));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		CU_ASSERT_EQUAL(spool_proc_status(path, &status), 0);
		CU_ASSERT_EQUAL(status.caps, files[i].caps);
		CU_ASSERT_EQUAL(status.uid, files[i].uid);
		CU_ASSERT_EQUAL(status.top_pidns, files[i].top_pidns);
		CU_ASSERT_EQUAL(status.traced, files[i].traced);
		close(fd);
	}
	CU_ASSERT_EQUAL(spool_proc_status("/nowhere", NULL), -ENOENT);
}

static void test_proc_in_group(void)
{
	static const char text[] = "Name:\tx\nUid:\t1\t1\t1\t1\nGid:\t2\t3\t4\t5\nGroups:\t6 70 \n";
	static const gid_t yes[] = {5, 6, 70}, no[] = {0, 1, 2, 3, 4, 7, 700, UINT32_MAX};
	int fd = memfd_create("status", MFD_CLOEXEC);
	char path[32];

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(yes); i++)
		CU_ASSERT_TRUE(spool_proc_in_group(path, yes[i]));
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(no); i++)
		CU_ASSERT_FALSE(spool_proc_in_group(path, no[i]));
	close(fd);
	CU_ASSERT_FALSE(spool_proc_in_group("/nowhere", 5));
}

/* A descriptor goes with its bytes; a message that is none is told from the end. */
static void test_pass_descriptor(void)
{
	int pair[2], passed[2], fd, got = 0;
	const int sent = 42;
	char byte = 0;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(passed), 0);
	CU_ASSERT_EQUAL(spool_pass_descriptor(pair[0], passed[1], &sent, sizeof(sent), 0), 0);
	fd = spool_take_descriptor(pair[1], &got, sizeof(got));
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_EQUAL(got, sent);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
	close(fd);

	CU_ASSERT_EQUAL(spool_pass_descriptor(pair[0], passed[1], "y", 1, 0), 0);
	close(passed[1]);
	CU_ASSERT_EQUAL(spool_take_descriptor(pair[1], &got, sizeof(got)), -EBADMSG);
	CU_ASSERT_EQUAL(read(passed[0], &byte, 1), 1);
	CU_ASSERT_EQUAL(read(passed[0], &byte, 1), 0); /* what came with it was closed */
	CU_ASSERT_EQUAL(send(pair[0], &sent, sizeof(sent), 0), (ssize_t)sizeof(sent));
	CU_ASSERT_EQUAL(spool_take_descriptor(pair[1], &got, sizeof(got)), -EBADMSG);
	close(pair[0]);
	CU_ASSERT_EQUAL(spool_take_descriptor(pair[1], &got, sizeof(got)), -EPIPE);
	CU_ASSERT_EQUAL(spool_pass_descriptor(pair[1], passed[0], &sent, sizeof(sent), 0), -EPIPE);
	close(pair[1]);
	close(passed[0]);
}

static void test_text_stays_on_its_line(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	spool_text_put(out, "/a b\n\x1b[2J\x7f\\\xc2\x9b \xc2\xa0\xc3\xa4\x9b\xc2");
	fclose(out);
	CU_ASSERT_STRING_EQUAL(text, "/a b\\012\\033[2J\\177\\134\\302\\233 "
				     "\xc2\xa0\xc3\xa4\\233\\302");
	free(text);
}

static void test_text_in_memory(void)
{
	static const struct {
		const char *text, *shown;
	} texts[] = {{"", ""},
		     {"12345678", "12345678"},
		     {"123456789", "12345..."},
		     {"\n", "\\012"},
		     {"a\n", "a\\012"},
		     {"abcde\n", "abcde..."},
		     {"ab\xc3\xa4", "ab\xc3\xa4"}};
	char shown[9];

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(texts); i++)
		CU_ASSERT_STRING_EQUAL(spool_text_show(texts[i].text, shown, sizeof(shown)),
				       texts[i].shown);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"bytes", test_bytes},
		{"percent", test_percent},
		{"seconds", test_seconds},
		{"modes and ids", test_modes_and_ids},
		{"format", test_format},
		{"log", test_log},
		{"lock order", test_lock_order},
		{"condition", test_condition},
		{"host", test_host},
		{"proc status", test_proc_status},
		{"proc_in_group", test_proc_in_group},
		{"pass_descriptor", test_pass_descriptor},
		{"text_stays_on_its_line", test_text_stays_on_its_line},
		{"text_in_memory", test_text_in_memory},
	};

	return unit_run("util", tests, SPOOL_ARRAY_SIZE(tests));
}
