/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Logging through a sink: the library formats a line, the program decides where it goes.
 * The library itself logs at debug only, and broken invariants at error. The code in fs/ that
 * decides what a failure means logs it.
 */

enum spool_log_level {
	SPOOL_LOG_ERROR,
	SPOOL_LOG_WARNING,
	SPOOL_LOG_INFO,
	SPOOL_LOG_DEBUG,
};

/**
 * struct spool_log - where lines go
 * @sink: receives one line without newline, at most SPOOL_LOG_LINE_MAX - 1 bytes; may be NULL
 *	(nothing is logged); called from any thread
 * @ctx: passed to @sink
 * @level: the most detailed level that is passed on; may be changed at any time
 */
struct spool_log {
	void (*sink)(void *ctx, enum spool_log_level level, const char *line);
	void *ctx;
	_Atomic int level;
};

/* One line; longer ones are cut. A guess: fits a path component and a sentence. */
#define SPOOL_LOG_LINE_MAX 512

/** spool_log() - format and pass on one line; keeps errno. @log may be NULL. No locks. */
void spool_log(struct spool_log *log, enum spool_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** spool_log_level_name() - "error", "warning", "info", "debug". Never NULL. */
const char *spool_log_level_name(enum spool_log_level level);
