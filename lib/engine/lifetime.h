/* SPDX-License-Identifier: MIT */
#pragma once

/* What an inode's lifetime is, and how it is called. */

#include "engine/engine_internal.h"

/** engine_lifetime_name() - as in user.spoolfs.lifetime. Return: a constant. */
const char *engine_lifetime_name(enum spool_lifetime lifetime);

/** engine_lifetime_of() - Lock: takes node->lock. */
enum spool_lifetime engine_lifetime_of(struct spool_node *node);
