/* SPDX-License-Identifier: MIT */
#pragma once

/* The system itself, as struct volume_host wants it. */

#include <limits.h>

#include "volume/host.h"

/* Bytes of the directory of the mount points, with its NUL: with a name it must fit PATH_MAX, and
 * a mount table shows four bytes for some. A guess. */
#define MOUNTING_DIR_MAX 512u

/** struct mounting - for the ctx of mounting_host() */
struct mounting {
	char dir[MOUNTING_DIR_MAX]; /* in which the mount points are, without links */
	char program[PATH_MAX];     /* spoolfs */
	const char *defaults;       /* options of all volumes, before their own; "" none */
};

/** mounting_host() - Return: its ctx is @mounting, the caller's. */
struct volume_host mounting_host(struct mounting *mounting);

/** mounting_path() - of a volume's mount point. Return: @ret, of PATH_MAX bytes. */
const char *mounting_path(const char *dir, const char *name, char *ret);

/**
 * mounting_settle() - wait until what an earlier plugin was mounting is mounted, or has failed
 * One that was killed leaves a daemon that goes on with its start. A line says so. Not for ever.
 * @dir: in which the mount points are
 */
void mounting_settle(const char *dir);
