/* SPDX-License-Identifier: MIT */
#pragma once

/* Mounting: root by mount(2), others through fusermount3, both by libfuse. unmount.h undoes it. */

#include <stdio.h>
#include <sys/types.h>

#include "process/mount.h"
#include "options/options.h"

/**
 * spool_mount_resolve() - the path of a mount point as the mount table has it
 * What is mounted there may be dead, so that only the directory that it is in can be asked for; or
 * may hang, so that a child does it. The calling process must have one thread.
 * Return: an absolute path without symbolic links, for free(3); NULL: errno says why, ETIMEDOUT:
 * something on the way does not answer.
 */
char *spool_mount_resolve(const char *mountpoint);

/**
 * spool_mount_clear() - unmount what a daemon has left that was killed with all its processes
 * @path: of spool_mount_resolve(); a mount that is served, or of another filesystem, is left alone
 * Each is logged. Return: 0; -errno of spool_unmount_dead(), spool_unmount_unserved().
 */
int spool_mount_clear(const char *path, struct spool_log *log);

/**
 * spool_mount_check() - can something be mounted there?
 * What a killed daemon has left there is unmounted.
 * Return: 0 and @ret->path; -errno after one line to @errors.
 */
int spool_mount_check(const struct spool_options *options, struct spool_log *log,
		      struct spool_mount *ret, FILE *errors);

/** spool_mount_is_for_one() - is this a mount of one user, of which the kernel may leave all checks
 * to us? Then options->one_user is to be set. Return: false also where this kernel lacks what that
 * needs. */
bool spool_mount_is_for_one(const struct spool_options *options);

/** spool_mount_do() - mount. Return: 0 and @mount->fd; -errno (libfuse has written why). */
int spool_mount_do(const struct spool_options *options, struct spool_mount *mount);

/**
 * spool_mount_read_ahead() - have the kernel read files in order as far ahead as of a disk
 * Only where data may be on the disk, and root mounts: nobody else may. When FUSE_INIT has been
 * answered.
 */
void spool_mount_read_ahead(const struct spool_options *options, const struct spool_mount *mount,
			    struct spool_log *log);

/** spool_mount_guard() - after a crash: give the covered directory to root, and let nobody else
 * write there. */
void spool_mount_guard(const struct spool_mount *mount, struct spool_log *log);

/**
 * spool_mount_remove() - remove the mount point, and the directory that it is in when that is empty
 * Files that programs have written there after the unmount are removed, too, if the directory was
 * empty before the mount.
 */
void spool_mount_remove(const struct spool_mount *mount, struct spool_log *log);

/**
 * spool_mount_drop_privileges() - keep only those of root's privileges that ending a mount takes
 * Those are what spool_unmount(), spool_mount_guard() and, with options->holder_fd,
 * spool_mount_remove() need. The others cannot be had again, nor by children. Does nothing for
 * ordinary users: they have none, and need fusermount3, which is set-user-ID.
 */
void spool_mount_drop_privileges(const struct spool_options *options, struct spool_log *log);

/** spool_mount_fini() - closes what is open and frees the path; the mount stays. */
void spool_mount_fini(struct spool_mount *mount);
