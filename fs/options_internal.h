/* SPDX-License-Identifier: MIT */
#pragma once

/* What the option table and the parser share. */

#include "options.h"

#define UNSET UINT64_MAX

/* A number that may be a share of something known only at the end. */
struct amount {
	uint64_t value; /* UNSET: the default holds */
	bool percent;
};

/* Options as given; resolve() makes spool_options of them. */
struct given {
	struct spool_options *options;
	const struct spool_machine *machine;
	struct amount ram, size, nr_inodes;
	struct amount user_size, user_inodes, user_ram;
	int layout, modes; /* -1: default */
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
	const char *help; /* NULL: tolerated for mount(8), not shown */
	int (*set)(struct given *given, const struct option_entry *entry, const char *value);
};

/** The table, ended by an entry without a name. */
extern const struct option_entry spool_option_table[];
