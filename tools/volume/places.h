/* SPDX-License-Identifier: MIT */
#pragma once

/* The directory of the plugin: "volumes" in it has the mount points, "state" the state files. It is
 * root's, and nobody else may enter it: a container gets its volume by a mount of its own. */

#include "volume/mounting.h"

/** struct places - open for as long as the plugin runs, which keeps a second one out */
struct places {
	int dir, state;
	char volumes[MOUNTING_DIR_MAX]; /* as mount tables show it */
};

/** places_open() - make what is missing. Return: 0; -errno, after a line: -EBUSY: another plugin
 * has it. */
int places_open(const char *directory, struct places *ret);

/** places_close() */
void places_close(struct places *places);
