/* SPDX-License-Identifier: MIT */
#pragma once

/* What is in the root of layout=private: a directory for each uid, and the self link. */

#include "engine/engine_internal.h"

/**
 * engine_root_make_top() - @name is not in the private root: makes it if it is a uid's directory
 * Return: 0 and [+lookup]; -ENOENT it is none, or neither @cred's own nor asked for by root;
 * -ENOMEM, -ENOSPC, -EDQUOT. No locks held.
 */
int engine_root_make_top(struct spool_engine *engine, const struct spool_cred *cred,
			 const char *name, struct spool_attr *ret);

/** engine_root_make_self() - the "self" link. Return: 0; as engine_make_node(). */
int engine_root_make_self(struct spool_engine *engine);
