/* SPDX-License-Identifier: MIT */
#pragma once

/* Mounting: root by mount(2), others through fusermount3, both by libfuse. unmount.h undoes it. */

#include <stdio.h>
#include <sys/types.h>

#include "process/mount.h"
#include "options/options.h"

/**
 * spool_mount_check() - can something be mounted there?
 * Return: 0 and @ret->path; -errno after one line to @errors.
 */
int spool_mount_check(const struct spool_options *options, struct spool_mount *ret, FILE *errors);

/** spool_mount_do() - mount. Return: 0 and @mount->fd; -errno (libfuse has written why). */
int spool_mount_do(const struct spool_options *options, struct spool_mount *mount);

/** spool_mount_guard() - what was covered becomes root's and unwritable for others (after a crash).
 */
void spool_mount_guard(const struct spool_mount *mount, struct spool_log *log);

/**
 * spool_mount_remove() - remove the mount point, and the directory that it is in when that is empty
 * What late writers have left in it goes too, if it was empty when it was covered.
 */
void spool_mount_remove(const struct spool_mount *mount, struct spool_log *log);

/**
 * spool_mount_drop_privileges() - of all that root has, keep what the end of a mount takes
 * Those that spool_unmount(), spool_mount_guard() and, with options->holder_fd,
 * spool_mount_remove() need; for good, and for the children, too. What ordinary users have is left
 * alone, for fusermount3.
 */
void spool_mount_drop_privileges(const struct spool_options *options, struct spool_log *log);

/** spool_mount_fini() - closes what is open and frees the path; the mount stays. */
void spool_mount_fini(struct spool_mount *mount);
