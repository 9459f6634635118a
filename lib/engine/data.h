/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading and writing. */

#include "engine/engine_internal.h"

/** engine_read_file() - reads @node, which has data, as spool_engine_read() does; atime stays. No
 * locks held. */
ssize_t engine_read_file(struct spool_engine *engine, struct spool_node *node, char *buf,
			 size_t len, uint64_t off, unsigned int flags);

/** engine_write_file() - writes all of it, or what fits; as spool_engine_write(), times stay. No
 * locks held. */
ssize_t engine_write_file(struct spool_engine *engine, struct spool_node *node,
			  struct spool_file *file, const char *buf, size_t len, uint64_t off,
			  unsigned int flags);
