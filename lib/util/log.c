/* SPDX-License-Identifier: MIT */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void spool_log(struct spool_log *log, enum spool_log_level level, const char *fmt, ...)
{
	char line[SPOOL_LOG_LINE_MAX];
	int saved = errno;
	va_list args;

	if (!log || !log->sink || (int)level > log->level)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log->sink(log->ctx, level, line);
	errno = saved;
}

const char *spool_log_level_name(enum spool_log_level level)
{
	switch (level) {
	case SPOOL_LOG_ERROR:
		return "error";
	case SPOOL_LOG_WARNING:
		return "warning";
	case SPOOL_LOG_INFO:
		return "info";
	case SPOOL_LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}
