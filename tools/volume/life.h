/* SPDX-License-Identifier: MIT */
#pragma once

/* What engines ask for. When all of it ends, look.h says. */

#include "volume/look.h"

/* Bytes of a line that says why something fails, with its NUL. */
#define LIFE_WHY 512

/**
 * life_init() - read the state files, and see what is mounted
 * @host, @state: the caller's, until life_fini()
 * Return: 0; -errno.
 */
int life_init(struct life *life, const struct volume_host *host, int state);

/** life_fini() - free memory and descriptors. What is mounted stays. */
void life_fini(struct life *life);

/**
 * life_create() - make a volume; one that is there with the same options is good as well
 * @options: as of options.h
 * @why: gets a line, of LIFE_WHY bytes
 * Return: 0; -errno (the line was written), with nothing changed.
 */
int life_create(struct life *life, const char *name, const char *options, char *why);

/**
 * life_mount() - count a Mount, and mount it when it is not, or is dead
 * Return: as of life_create().
 */
int life_mount(struct life *life, const char *name, const char *id,
	       const struct volume_engine *engine, char *why);

/** life_unmount() - count an Unmount. One of an unknown volume or id changes nothing. */
void life_unmount(struct life *life, const char *name, const char *id);

/** life_remove() - remove a volume: its name now, its data with the last user. An unknown one is
 * removed already. */
void life_remove(struct life *life, const char *name);

/** life_find() - a volume that is not removed. Return: NULL: there is none. */
const struct volume *life_find(const struct life *life, const char *name);

/**
 * life_reconcile() - take over what is really mounted
 * What others have unmounted is not mounted any more; what is dead is unmounted; a filesystem
 * that no volume is known of goes with its last user.
 */
void life_reconcile(struct life *life);
