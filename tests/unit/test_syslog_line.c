/* SPDX-License-Identifier: MIT */

/* Lines to a syslogd of our own: one that reads, one that does not, and none. */

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "host/syslog_line.h"
#include "unit.h"
#include "util/log.h"

static char dir[] = "/tmp/spool-syslog-XXXXXX";
static char path[sizeof(dir) + 8];

static int syslogd(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, sizeof(path));
	unlink(path);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool next_matches(int fd, const char *pattern)
{
	char got[1024] = "";
	regex_t regex;
	bool ok;

	CU_ASSERT_TRUE(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	CU_ASSERT_EQUAL_FATAL(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ok = regexec(&regex, got, 0, NULL, 0) == 0;
	regfree(&regex);
	return ok;
}

static void what_is_sent(void)
{
	char line[SPOOL_LOG_LINE_MAX];
	int fd = syslogd();

	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_WARNING, "a %s line"), 0);
	CU_ASSERT_TRUE(next_matches(fd, "^<28>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} "
					"spoolfs\\[[0-9]+\\]: a %s line$"));
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_ERR, line), 0);
	CU_ASSERT_TRUE(next_matches(fd, "^<27>.*: x{511}$"));
	close(fd);
}

/* It hangs: nobody waits for it. When it goes on so do we, and with the next one, too. */
static void nobody_waits(void)
{
	unsigned int n = 0;
	int fd = syslogd(), r;

	do
		r = spool_syslog_line(path, LOG_INFO, "line");
	while (r == 0 && n++ < 1000000);
	CU_ASSERT_EQUAL(r, -EAGAIN);
	CU_ASSERT_TRUE(next_matches(fd, ": line$"));
	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_INFO, "line"), 0);
	close(fd);
	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_INFO, "line"), -ECONNREFUSED);
	fd = syslogd();
	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_INFO, "again"), 0);
	CU_ASSERT_TRUE(next_matches(fd, ": again$"));
	close(fd);
	unlink(path);
	CU_ASSERT_EQUAL(spool_syslog_line(path, LOG_INFO, "line"), -ENOENT);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"what is sent", what_is_sent},
		{"nobody waits", nobody_waits},
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	r = unit_run("syslog_line", tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return r;
}
