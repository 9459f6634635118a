/* SPDX-License-Identifier: MIT */
#pragma once

/* What stands behind "spoolctl session". */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct usage;

enum session_verb { SESSION_LIST, SESSION_BEGIN, SESSION_END };

/**
 * struct session_options - what to do
 * @path: the mount, or the directory that --dir names
 * @kind: of BEGIN: enum spool_session_kind; @audit, @cgroup: by it, @cgroup is "" else
 * @holder: 0: none; @uid: SPOOL_CTL_UNKNOWN: not given; @id: of END
 */
struct session_options {
	enum session_verb verb;
	bool json;
	const char *path;
	uint32_t kind;
	uint32_t audit;
	const char *cgroup;
	pid_t holder;
	uint32_t uid;
	uint64_t id;
};

/** session_usage() - of the command, for its other parts. */
const struct usage *session_usage(void);

/**
 * session_parse() - reads the command line; says in one line what is wrong with it
 * Return: 0; 'h': the help was printed; '?': wrong use.
 */
int session_parse(int argc, char *argv[], struct session_options *ret);
