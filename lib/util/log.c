/* SPDX-License-Identifier: MIT */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static __attribute__((format(printf, 3, 0))) void pass_on(struct spool_log *log,
							  struct spool_log_line *line,
							  const char *fmt, va_list args)
{
	char text[SPOOL_LOG_LINE_MAX];
	int saved = errno;

	if (!log || !log->sink || (int)line->level > log->level)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	line->text = text;
	log->sink(log->ctx, line);
	errno = saved;
}

void spool_log(struct spool_log *log, enum spool_log_level level, const char *fmt, ...)
{
	struct spool_log_line line = {.level = level};
	va_list args;

	va_start(args, fmt);
	pass_on(log, &line, fmt, args);
	va_end(args);
}

void spool_log_with(struct spool_log *log, enum spool_log_level level,
		    const struct spool_log_field *fields, size_t n, const char *fmt, ...)
{
	struct spool_log_line line = {.level = level, .fields = fields, .n_fields = n};
	va_list args;

	va_start(args, fmt);
	pass_on(log, &line, fmt, args);
	va_end(args);
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
