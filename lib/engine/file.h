/* SPDX-License-Identifier: MIT */
#pragma once

/* What all operations on the data of a file share. */

#include "engine/engine_internal.h"

struct spool_wanted;

/** engine_get_file() - the node of @ino when it has data. Return: 0 and a reference; -ESTALE;
 * -EISDIR; -EINVAL. */
int engine_get_file(struct spool_engine *engine, uint64_t ino, struct spool_node **ret);

/** engine_file_of() - the data of @node, or NULL as long as nothing was written. They stay as long
 * as the node does. Takes node->lock. */
struct spool_file *engine_file_of(struct spool_node *node);

/** engine_make_file() - engine_file_of(), made when there is none. The node has been charged for it
 * all along, so it stays when the write that wants it fails. Return: 0; -ENOMEM. */
int engine_make_file(struct spool_engine *engine, struct spool_node *node, struct spool_file **ret);

/** engine_get_made_file() - both of these, for what changes data. Return: 0 and a reference; as
 * these. */
int engine_get_made_file(struct spool_engine *engine, uint64_t ino, struct spool_node **ret,
			 struct spool_file **ret_file);

/** engine_file_mirror() - copies what stat shows of the data. Lock: node->file->lock, exclusive. */
void engine_file_mirror(struct spool_node *node);

/** engine_no_room() - Return: @r, but -ENOSPC for -EAGAIN when the caller does not want to wait for
 * RAM (SPOOL_LAST_TRY in @flags). */
ssize_t engine_no_room(ssize_t r, unsigned int flags);

/** engine_bring_back() - an operation wants what is on the disk: brings it back if @flags allow
 * to wait. Return: 0: try again; SPOOL_WOULD_BLOCK; as engine_load(). No locks held. */
int engine_bring_back(struct spool_engine *engine, struct spool_node *node,
		      const struct spool_wanted *wanted, unsigned int flags);

/** engine_file_changed() - the data have changed: times, and set-id bits.
 * @flags: SPOOL_KILL_SUIDGID, SPOOL_OUTSIDER. Takes node->lock. */
void engine_file_changed(struct spool_engine *engine, struct spool_node *node, unsigned int flags);

/** engine_file_accessed() - moves atime as with relatime. Takes node->lock. */
void engine_file_accessed(struct spool_engine *engine, struct spool_node *node);
