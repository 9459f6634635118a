/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A directory for tests of the backing directory: below $TMPDIR or, where that is refused,
 * /var/tmp.
 */

#include <limits.h>
#include <stdbool.h>

#include "unit.h"

struct dir_rig {
	char base[PATH_MAX];
};

/** dir_rig_make() - a directory of our own in @parent. Return: false when one there is refused. */
bool dir_rig_make(struct dir_rig *rig, const char *parent);

/** dir_rig_path() - the path of @name in the directory, until the next call. */
const char *dir_rig_path(const struct dir_rig *rig, const char *name);

/**
 * dir_rig_check() - spool_backing_dir_check(), and what holds for all that it says
 * @expected: stands in the reason; "" for a directory that is allowed
 * Return: as that, but 0 for a descriptor, which is closed.
 */
int dir_rig_check(const char *path, bool any, const char *expected);

/** dir_rig_run() - unit_run() in a new directory, which must be empty afterwards. */
int dir_rig_run(struct dir_rig *rig, const char *suite, const struct unit_test *tests, size_t n);
