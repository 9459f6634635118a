/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The backing directory: O_TMPFILE files, or created and unlinked at once where the filesystem has
 * no O_TMPFILE (the name is random, 0600, O_EXCL|O_NOFOLLOW, and is gone before any data are
 * written). Direct I/O where the filesystem has it; else pages are written out and dropped from the
 * page cache as soon as they are written, so that spilling floods no one's cache.
 *
 * EDQUOT is returned as -ENOSPC. For EFBIG (RLIMIT_FSIZE) the process must ignore SIGXFSZ.
 */

#include <stdbool.h>
#include <stddef.h>

#include "spill/backing.h"
#include "util/host.h"

/**
 * struct spool_backing_info - what was found out at the start
 * @tmpfile: O_TMPFILE works; @direct: O_DIRECT works; @punch: FALLOC_FL_PUNCH_HOLE works
 */
struct spool_backing_info {
	bool tmpfile, direct, punch;
};

/**
 * spool_backing_dir_check() - may this directory be used?
 * @any: backing_any=on: a tmpfs or ramfs will do
 * @why: one line without newline, for the user: what is wrong and what is allowed. It goes after
 *	"backing=PATH: "
 * It must exist, be a directory (no symlink in its last component, no ".."), be writable by us, and
 * not be on tmpfs, ramfs or FUSE (statfs f_type; tmpfs and ramfs are allowed with @any). It, the
 * directories above it and the symlinks on the way must be owned by root or by us, and the
 * directories be not writable by others (by mode, group or ACL) unless sticky.
 * Return: a descriptor of the directory (O_RDONLY|O_DIRECTORY|O_CLOEXEC), the caller's to close;
 * -ENOENT, -ENOTDIR, -EACCES, -EINVAL, -EPERM, -EOPNOTSUPP or what a system call returned, and
 *@why.
 */
int spool_backing_dir_check(const char *path, bool any, char *why, size_t size);

/**
 * spool_backing_dir_new() - a backing in an open directory
 * @host: borrowed; for memory
 * @dirfd: owned from here on, also on failure
 * @mask_tmpfile, @mask_direct: pretend that the filesystem lacks them
 * Probes with a file of its own, also how long one may become. Return: 0; -ENOMEM; -errno of the
 * probe; -ENOSPC, -EFBIG also when a file cannot grow to SPOOL_BACKING_FILE_MIN.
 */
int spool_backing_dir_new(const struct spool_host *host, int dirfd, bool mask_tmpfile,
			  bool mask_direct, struct spool_backing **ret_backing,
			  struct spool_backing_info *ret_info);
