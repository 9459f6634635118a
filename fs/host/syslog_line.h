/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writes lines to the system's log without waiting for it. syslog(3) waits: when syslogd hangs, or
 * writes to a disk that hangs, its socket fills up, and so all threads that log are held up. Here a
 * line that the socket does not take at once is lost. Each line goes over a socket of its own. So
 * threads and processes share nothing, and nothing has to be opened again after a new syslogd
 * start.
 */

#define SPOOL_SYSLOG_PATH "/dev/log"

/** spool_syslog_line() - @priority: as for syslog(3), without a facility: it is LOG_DAEMON. Any
 * locks. Return: 0; -errno: it is lost; -EAGAIN when nobody takes lines from @path. */
int spool_syslog_line(const char *path, int priority, const char *line);
