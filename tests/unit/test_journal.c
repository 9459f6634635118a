/* SPDX-License-Identifier: MIT */

/* What a journal of our own gets: fields in both forms, and no more than fits. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/journal.h"
#include "unit.h"
#include "util/macros.h"

static char dir[] = "/tmp/spool-journal-XXXXXX";
static char path[sizeof(dir) + 8];

static void what_is_sent(void)
{
	static const char want[] = "MESSAGE=no room\nPRIORITY=4\nSYSLOG_IDENTIFIER=spoolfs\n"
				   "SPOOLFS_LIMIT=user_size\nSPOOLFS_UID=1000\n"
				   "SPOOLFS_MOUNT=/run/spoolfs\n";
	const struct spool_log_field fields[] = {
		{.name = "SPOOLFS_LIMIT", .text = "user_size"},
		{.name = "SPOOLFS_UID", .number = 1000},
	};
	const struct spool_log_line line = {SPOOL_LOG_WARNING, "no room", fields,
					    SPOOL_ARRAY_SIZE(fields)};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char got[SPOOL_JOURNAL_MAX] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL(spool_journal_send(path, &line, "/run/spoolfs"), -ENOENT);
	memcpy(address.sun_path, path, sizeof(path));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(spool_journal_send(path, &line, "/run/spoolfs"), 0);
	CU_ASSERT_EQUAL(recv(fd, got, sizeof(got), MSG_DONTWAIT), (ssize_t)strlen(want));
	CU_ASSERT_STRING_EQUAL(got, want);
	while (spool_journal_send(path, &line, NULL) == 0)
		; /* it does not read: nobody waits */
	CU_ASSERT_EQUAL(spool_journal_send(path, &line, NULL), -EAGAIN);
	close(fd);
	CU_ASSERT_EQUAL(spool_journal_send(path, &line, NULL), -ECONNREFUSED);
	unlink(path);
}

/* With a newline in it a value is told by its length. */
static void what_has_newlines(void)
{
	static const char want[] = "MESSAGE\n\3\0\0\0\0\0\0\0a\nb\nPRIORITY=6\n"
				   "SYSLOG_IDENTIFIER=spoolfs\n"
				   "SPOOLFS_MOUNT\n\6\0\0\0\0\0\0\0/m=1\n/\n";
	const struct spool_log_line line = {.level = SPOOL_LOG_INFO, .text = "a\nb"};
	char got[SPOOL_JOURNAL_MAX];
	size_t size = spool_journal_encode(&line, "/m=1\n/", got);

	CU_ASSERT_EQUAL(size, sizeof(want) - 1);
	CU_ASSERT_EQUAL(memcmp(got, want, sizeof(want) - 1), 0);
}

static void what_does_not_fit(void)
{
	const struct spool_log_line line = {.level = SPOOL_LOG_ERROR, .text = "text"};
	char got[SPOOL_JOURNAL_MAX], mount[2 * SPOOL_JOURNAL_MAX];
	size_t without = spool_journal_encode(&line, NULL, got), last = 0;

	memset(mount, 'x', sizeof(mount));
	for (size_t len = SPOOL_JOURNAL_MAX - 200; len < SPOOL_JOURNAL_MAX + 10; len++) {
		mount[len] = '\0';
		last = spool_journal_encode(&line, mount, got);
		CU_ASSERT_TRUE(last == without ||
			       last == without + len + strlen("SPOOLFS_MOUNT=\n"));
		CU_ASSERT_TRUE(last <= SPOOL_JOURNAL_MAX);
		mount[len] = 'x';
	}
	CU_ASSERT_EQUAL(last, without);
}

static void whose_stream_it_is(void)
{
	char stream[64];
	struct stat attr;
	int pipes[2];

	CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
	CU_ASSERT_EQUAL_FATAL(fstat(pipes[1], &attr), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)attr.st_dev, (uintmax_t)attr.st_ino);
	CU_ASSERT_TRUE(spool_journal_is(stream, pipes[1]));
	CU_ASSERT_FALSE(spool_journal_is(NULL, pipes[1]));
	CU_ASSERT_FALSE(spool_journal_is(stream, -1));
	CU_ASSERT_FALSE(spool_journal_is(stream, STDERR_FILENO));
	CU_ASSERT_FALSE(spool_journal_is("", pipes[1]));
	CU_ASSERT_FALSE(spool_journal_is("8:", pipes[1]));
	strcat(stream, "0");
	CU_ASSERT_FALSE(spool_journal_is(stream, pipes[1]));
	stream[strlen(stream) - 1] = 'x';
	CU_ASSERT_FALSE(spool_journal_is(stream, pipes[1]));
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"what is sent", what_is_sent},
		{"what has newlines", what_has_newlines},
		{"what does not fit", what_does_not_fit},
		{"whose stream it is", whose_stream_it_is},
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", dir);
	r = unit_run("journal", tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return r;
}
