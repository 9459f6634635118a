/* SPDX-License-Identifier: MIT */

/* Who pays for subordinate uids, by a file that may hold anything and may change. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "subuid.h"
#include "unit.h"

static char path[] = "/tmp/spool-subuid-XXXXXX";

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
	CU_ASSERT_EQUAL_FATAL(spool_subuids_new(path, spool_subuids_read, NULL, &subuids), 0);
	spool_subuids_refresh(subuids, 100000);
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

static void no_file(void)
{
	struct spool_subuids *subuids;

	CU_ASSERT_EQUAL_FATAL(
		spool_subuids_new("/nowhere/subuid", spool_subuids_read, NULL, &subuids), 0);
	spool_subuids_refresh(subuids, 100000);
	CU_ASSERT_EQUAL(spool_subuids_owner(subuids, 100000), 100000);
	spool_subuids_free(subuids);
	spool_subuids_refresh(NULL, 100000);
	spool_subuids_free(NULL);
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
	for (int i = 0; i < 200 && owner == 1000; i++) {
		nanosleep(&step, NULL);
		spool_subuids_refresh(subuids, 100000);
		owner = spool_subuids_owner(subuids, 100000);
	}
	CU_ASSERT_EQUAL(owner, 1001);
	spool_subuids_free(subuids);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"owners", owners},
		{"nonsense", nonsense},
		{"no file", no_file},
		{"a change is seen", a_change_is_seen},
	};
	int r, fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	r = unit_run("subuid", tests, sizeof(tests) / sizeof(tests[0]));
	unlink(path);
	return r;
}
