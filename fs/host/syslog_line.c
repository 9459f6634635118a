/* SPDX-License-Identifier: MIT */
#include "host/syslog_line.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/macros.h"

/* RFC 3164, as syslog(3) writes it: "Mmm dd hh:mm:ss", local time, with English names of months. */
static void print_time(char ret[32])
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm tm = {0};

	localtime_r(&now, &tm);
	snprintf(ret, 32, "%s %2d %02d:%02d:%02d", months[tm.tm_mon % 12], tm.tm_mday % 100,
		 tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

int spool_syslog_line(const char *path, int priority, const char *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[SPOOL_LOG_LINE_MAX + 64], when[32];
	int len;

	if (fd < 0)
		return -errno;
	print_time(when);
	len = snprintf(text, sizeof(text), "<%d>%s spoolfs[%d]: %s", LOG_DAEMON | priority, when,
		       (int)getpid(), line);
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (sendto(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return -errno;
	return 0;
}
