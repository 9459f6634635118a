/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Open directories. The handle that the kernel sends back with each READDIR (fi->fh) stands for the
 * place where the listing ends, see spool_engine_readdir(). Each OPENDIR takes a few bytes, far
 * less than the kernel's own struct file, so the limit on open files bounds them. RELEASEDIR frees
 * them, or the end of the mount.
 */

#include <stdint.h>

struct spool_dirs;

/** spool_dirs_new() - an empty list. Return: 0; -ENOMEM. */
int spool_dirs_new(struct spool_dirs **ret);

/** spool_dirs_free() - free it with all that are still open, when no request is served any more.
 * NULL is allowed. */
void spool_dirs_free(struct spool_dirs *dirs);

/** spool_dirs_open() - open one more. Return: 0 and its handle; -ENOMEM. */
int spool_dirs_open(struct spool_dirs *dirs, uint64_t *ret_handle);

/** spool_dirs_close() - free @handle. */
void spool_dirs_close(struct spool_dirs *dirs, uint64_t handle);

/** spool_dirs_end() - Return: where the listing of @handle ends, for spool_engine_readdir(). */
uint64_t *spool_dirs_end(uint64_t handle);
