/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the table of options (table.c), the parser (options.c), and the computation of defaults
 * and shares (resolve.c). */

#include "options/options.h"

#define UNSET UINT64_MAX

/* Options as given. */
struct given {
	struct spool_options *options;
	const struct spool_machine *machine;
	struct spool_amounts *amounts;   /* options->amounts */
	const struct spool_options *now; /* of the live mount that is changed; NULL at a start */
	const char *backing;             /* NULL: default */
	int layout, modes, lifetime;     /* -1: default */
	bool uid_given, gid_given, mode_given;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	FILE *errors;
};

/* One option: @set reads @value (NULL without "=") and returns 0, or writes a line and -EINVAL. */
struct option_entry {
	const char *name;
	const char *values; /* for --help and messages; NULL for a flag */
	const char *default_text;
	const char *help; /* NULL: for mount(8), not shown */
	int (*set)(struct given *given, const struct option_entry *entry, const char *value);
	const char *range; /* of its numbers (util/parse.h, resolve.c), for messages; or NULL */
};

/** spool_option_means_nothing() - Return: whether mount(8) passes this option to every filesystem.
 */
bool spool_option_means_nothing(const char *option);

/**
 * options_open_backing() - open the backing directory, and set backing, backing_fd, backing_why
 * Return: 0, also when there is none; -EINVAL (a line was written): that of backing= cannot be
 * used.
 */
int options_open_backing(struct given *given);

/** options_resolve_layout() - set layout, modes, the root directory, allow_other. Return: 0;
 * -EINVAL (a line was written): they contradict each other. */
int options_resolve_layout(struct given *given);

/** options_resolve_limits() - set config.limits and the reserve, once the layout is known and the
 * backing directory open. Return: 0; -EINVAL (a line was written): too small. */
int options_resolve_limits(struct given *given);

/** The table, ended by an entry without a name. */
extern const struct option_entry spool_option_table[];
