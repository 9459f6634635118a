/* SPDX-License-Identifier: MIT */
#pragma once

/* What the checks of spoolctl doctor share. They look and change nothing. */

#include <stdbool.h>
#include <stddef.h>

#include "common/json.h"

struct doctor {
	struct json *json; /* NULL: for people */
	bool cannot_mount; /* set by the check that found out */
};

/**
 * finding() - print one finding
 * @state: "ok", "warn" (works, but less well) or "missing" (without it this user cannot mount)
 * @what: what was looked at
 * @mend: what to do about it, a sentence, or NULL
 * @fmt: the fact, without a full stop
 */
void finding(struct doctor *doctor, const char *state, const char *what, const char *mend,
	     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** first_line() - the first line of file @path, at most @size - 1 bytes of it. Return: false =
 * none. */
bool first_line(const char *path, char *buf, int size);

/** doctor_fuse() - kernel, /dev/fuse, programs, mounts: what decides whether one can mount. */
void doctor_fuse(struct doctor *doctor);

/** doctor_system() - memory, swap, limits, PAM: what decides how well it serves. */
void doctor_system(struct doctor *doctor);
