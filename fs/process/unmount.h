/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a mount. It never depends on who serves: the connection is aborted first, which frees
 * whoever is held up in it, our own threads included, and what may wait in the kernel all the same
 * is done by a child that is waited for only so long.
 */

#include "process/mount.h"

/* For a worker to end by itself, before the abort. Mostly it takes some 10 ms; a guess. */
#define SPOOL_GRACE_MS 500

/**
 * spool_unmount() - abort and unmount, also when it is busy or was moved; never somebody else's
 * Where something has been mounted on top nothing is unmounted: that would be what goes.
 * Closes @mount->fd. May be called again after a failure.
 * Return: 0 it is gone; -EBUSY it is covered: dead, and mounted still; -EIO, -ETIMEDOUT, -errno.
 */
int spool_unmount(struct spool_mount *mount);

/** spool_unmount_path() - unmount the uppermost on @path, busy or not, aborting it where we may.
 * Return: 0; -EIO it cannot be; -ETIMEDOUT: it hangs; -errno of fork(2). */
int spool_unmount_path(const char *path);
