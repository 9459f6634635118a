/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Lines to the system's log that never wait for it. syslog(3) does: when syslogd hangs, or writes
 * to a disk that does, its socket fills up, and whoever logs is held up with all others that do. A
 * line that cannot be taken at once is lost. Each goes over a socket of its own, so that there is
 * nothing to share between threads and processes, nor to open again when syslogd has started anew.
 */

#define SPOOL_SYSLOG_PATH "/dev/log"

/** spool_syslog_line() - @priority: as for syslog(3), without a facility: it is LOG_DAEMON. Any
 * locks. Return: 0; -errno: it is lost; -EAGAIN when nobody takes lines from @path. */
int spool_syslog_line(const char *path, int priority, const char *line);
