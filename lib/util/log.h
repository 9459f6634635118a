/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Logging through a sink: the library formats a line, the program decides where it goes.
 * The library itself logs at debug only, and broken invariants at error. The code in fs/ that
 * decides what a failure means logs it.
 */

#include <stddef.h>
#include <stdint.h>

enum spool_log_level {
	SPOOL_LOG_ERROR,
	SPOOL_LOG_WARNING,
	SPOOL_LOG_INFO,
	SPOOL_LOG_DEBUG,
};

/**
 * struct spool_log_field - what a line says, for a log that keeps such things apart
 * @name: capital letters, digits and "_": "SPOOLFS_UID"
 * @text: NULL: it is @number
 */
struct spool_log_field {
	const char *name;
	const char *text;
	uint64_t number;
};

/**
 * struct spool_log_line - one line
 * @text: without newline, at most SPOOL_LOG_LINE_MAX - 1 bytes
 * @fields: @n_fields of them
 */
struct spool_log_line {
	enum spool_log_level level;
	const char *text;
	const struct spool_log_field *fields;
	size_t n_fields;
};

/**
 * struct spool_log - where lines go
 * @sink: receives one line; may be NULL (nothing is logged); called from any thread
 * @ctx: passed to @sink
 * @level: the most detailed level that is passed on; may be changed at any time
 */
struct spool_log {
	void (*sink)(void *ctx, const struct spool_log_line *line);
	void *ctx;
	_Atomic int level;
};

/* One line; longer ones are cut. A guess: fits a path component and a sentence. */
#define SPOOL_LOG_LINE_MAX 512

/** spool_log() - format and pass on one line; keeps errno. @log may be NULL. No locks. */
void spool_log(struct spool_log *log, enum spool_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** spool_log_with() - the same, with @n fields that are in the text as well. */
void spool_log_with(struct spool_log *log, enum spool_log_level level,
		    const struct spool_log_field *fields, size_t n, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** spool_log_level_name() - "error", "warning", "info", "debug". Never NULL. */
const char *spool_log_level_name(enum spool_log_level level);
