/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Open directories. What the kernel keeps of one and sends back with each READDIR (fi->fh) is where
 * its listing ends, see spool_engine_readdir(). There is one of a few bytes for each OPENDIR, far
 * less than the kernel's own struct file, and so bounded as those are; RELEASEDIR frees it, or the
 * end of the mount.
 */

#include <stdint.h>

struct spool_dirs;

/** spool_dirs_new() - none is open. Return: 0; -ENOMEM. */
int spool_dirs_new(struct spool_dirs **ret);

/** spool_dirs_free() - with those that are open still; when nobody serves any more. NULL is
 * allowed. */
void spool_dirs_free(struct spool_dirs *dirs);

/** spool_dirs_open() - one more, at its beginning. Return: 0 and its handle; -ENOMEM. */
int spool_dirs_open(struct spool_dirs *dirs, uint64_t *ret_handle);

/** spool_dirs_close() - @handle goes. */
void spool_dirs_close(struct spool_dirs *dirs, uint64_t handle);

/** spool_dirs_end() - where the listing of @handle ends, for spool_engine_readdir(). */
uint64_t *spool_dirs_end(uint64_t handle);
