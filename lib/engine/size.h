/* SPDX-License-Identifier: MIT */
#pragma once

/* The size of a file, and the space that is reserved in it. */

#include "engine/engine_internal.h"

/** engine_truncate() - sets the size of a regular file; times stay. Return: 0; -EISDIR, -EINVAL;
 * -EFBIG; -ENOMEM, -ENOSPC, -EDQUOT, -EAGAIN. No locks held. */
int engine_truncate(struct spool_engine *engine, struct spool_node *node, uint64_t size,
		    unsigned int flags);

/** engine_fallocate() - as spool_engine_fallocate(), of @file of @node; times stay. No locks. */
int engine_fallocate(struct spool_engine *engine, struct spool_node *node, struct spool_file *file,
		     int mode, uint64_t off, uint64_t len, unsigned int flags);

/** engine_free_data() - frees all data of @node, which nobody can read any more; the size that stat
 * shows stays. Does not wait for the disk. No locks but those of directories. */
void engine_free_data(struct spool_engine *engine, struct spool_node *node,
		      struct spool_file *file);
