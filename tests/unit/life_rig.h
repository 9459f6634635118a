/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of lifetimes share, beside engine_rig.h. */

#include "engine_rig.h"

#define LIFE_SESSIONS 16

struct life_rig {
	struct engine_rig rig;
	_Atomic int counted[LIFE_SESSIONS]; /* what session_inodes() has said of each session */
	_Atomic unsigned int woken;         /* how often reap() was called */
	uint64_t ms;                        /* what spool_engine_reap() has said last; 0: nothing */
};

/** life_rig_init() - as engine_rig_init() with SPOOL_MODES_OWNER; linger is 2 s. */
void life_rig_init(struct life_rig *life, enum spool_layout layout, enum spool_lifetime lifetime);

/** life_file(), life_dir(): made in @session. Return: the inode number; a lookup is owed. */
uint64_t life_file(struct life_rig *life, uint64_t session, uint64_t parent, const char *name);
uint64_t life_dir(struct life_rig *life, uint64_t session, uint64_t parent, const char *name);

/** life_fill_tree() - 3 levels "sub" below @dir with 40 files each: more than is done with one
 * lock. @inos: of the levels. All in session 1. */
void life_fill_tree(struct life_rig *life, uint64_t dir, uint64_t inos[3]);

/** life_reap() - all that goes now. Return: how many names went. */
size_t life_reap(struct life_rig *life);

/** life_end() - ends @session, and then the same. */
size_t life_end(struct life_rig *life, uint64_t session);

struct spool_life life_of(struct life_rig *life, uint64_t ino);
struct spool_life_stat life_stat(struct life_rig *life);
