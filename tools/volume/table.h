/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The spoolfs mounts of a mount namespace, and the place where each is mounted: a directory of a
 * filesystem. A namespace that is a copy of another, or gets its mounts by propagation, has them on
 * the same directories, whatever its paths look like; a container has a mount of its own elsewhere.
 */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/** struct table_place - the directory @path, as seen from the root of filesystem @device */
struct table_place {
	dev_t device;
	char *path; /* NULL: not known */
};

/** struct table_mount - one, which lasts as long as the call that it is passed to */
struct table_mount {
	dev_t device;
	const char *path; /* of the mount point */
	struct table_place place;
};

/**
 * table_each() - call @fn for each spoolfs mount in @mountinfo
 * @mountinfo: in the format of proc_pid_mountinfo(5), open
 * @fn: a value other than 0 ends the walk
 * Return: what @fn returned last; 0; -errno: it cannot be read.
 */
int table_each(FILE *mountinfo, int (*fn)(void *arg, const struct table_mount *mount), void *arg);

/** table_place_is() - are they the same directory? One that is not known is none. */
bool table_place_is(const struct table_place *place, const struct table_place *other);
