/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a mount. It never depends on the process that serves. The connection is aborted first,
 * which frees all threads that are held up in it, our own included. Calls that may wait in the
 * kernel all the same are made by a child, which we wait for only for a limited time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "process/mount.h"

/* How long the worker may take to end by itself before the abort: mostly 10 ms. A guess. */
#define SPOOL_GRACE_MS 500

/**
 * spool_unmount() - abort the connection and unmount, also when the mount is busy or was moved
 * Mounts of others are left alone: where another mount covers ours nothing is unmounted.
 * Closes @mount->fd. May be called again after a failure.
 * Return: 0 it has gone; -EBUSY it is covered: it is dead, and still mounted; -EIO, -ETIMEDOUT,
 * -errno.
 */
int spool_unmount(struct spool_mount *mount);

/**
 * spool_unmount_dead() - unmount the uppermost mount on @path if nobody serves it any more
 * Return: 1 it was dead, and is unmounted; 0 it is not dead, or nothing is mounted there;
 * -ETIMEDOUT it hangs; -errno of umount2(2) or fork(2); -EIO where fusermount3 cannot.
 */
int spool_unmount_dead(const char *path);

/** spool_unmount_hangs() - Return: whether what @path is on does not answer for 2 s. */
bool spool_unmount_hangs(const char *path);

/**
 * spool_unmount_unserved() - unmount what hangs on @path if nobody serves it (host/served.h)
 * That is: all who served it were killed, and one of them is held in the kernel.
 * Return: 1 it is unmounted; -ETIMEDOUT it may be served; -errno as above.
 */
int spool_unmount_unserved(const char *path);

/** spool_unmount_path() - unmount the uppermost mount on @path, busy or not; its connection is
 * aborted where we may. Return: 0; -ETIMEDOUT it hangs; -errno of umount2(2) or fork(2); -EIO where
 * fusermount3 cannot. */
int spool_unmount_path(const char *path);

/** spool_unmount_has_stack() - Return: whether RLIMIT_STACK can be raised to what fusermount3 needs
 * to unmount; not: *@ret_limit is how many bytes it may have. */
bool spool_unmount_has_stack(uint64_t *ret_limit);
