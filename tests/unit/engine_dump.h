/* SPDX-License-Identifier: MIT */
#pragma once

/* Everything that can be seen of a small tree, as text: two that are the same are equal. */

#include "engine_rig.h"

/** engine_dump() - of inodes up to 63: entries, attributes, data, lifetimes; accounts. Return: text
 * to be freed. */
char *engine_dump(struct engine_rig *rig);
