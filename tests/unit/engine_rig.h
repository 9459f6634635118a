/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of names and of the engine share: an engine on a host that can fail, short ways
 * to make things, and an audit that counts all references, links and charges again from what
 * there is and compares.
 */

#include "engine/inode.h"
#include "fault_host.h"
#include "unit.h"

struct engine_rig {
	struct fault_host host;
	struct spool_engine *engine;
	struct spool_cred cred; /* on whose behalf the helpers act; 1000:1000, umask 022 */
};

/** engine_rig_init() - no limits; root 1000:1000 0755, in shared 0:0 01777 with ACLs; 1 s past a
 * fixed time. */
void engine_rig_init(struct engine_rig *rig, enum spool_layout layout, enum spool_modes modes);

/** engine_rig_init_config() - the same from a configuration of one's own. */
void engine_rig_init_config(struct engine_rig *rig, const struct spool_config *config);

/** engine_rig_config() - what engine_rig_init() uses. */
struct spool_config engine_rig_config(enum spool_layout layout, enum spool_modes modes);

/** engine_rig_fini() - audits, and fails the test when anything is still charged or allocated. */
void engine_rig_fini(struct engine_rig *rig);

/** engine_rig_audit() - with no operation in progress. Return: how many things are wrong; each is
 * printed. */
unsigned int engine_rig_audit(struct engine_rig *rig);

/* All of these fail the test when they do not work. A lookup stays owed unless it says otherwise.
 */

/** rig_mkdir() - 0700. Return: the inode number. */
uint64_t rig_mkdir(struct engine_rig *rig, uint64_t parent, const char *name);

/** rig_file() - an empty file 0600, not open. Return: the inode number. */
uint64_t rig_file(struct engine_rig *rig, uint64_t parent, const char *name);

/** rig_write() - @text at offset 0. */
void rig_write(struct engine_rig *rig, uint64_t ino, const char *text);

/** rig_ino() - what the name means, or 0; owes no lookup. */
uint64_t rig_ino(struct engine_rig *rig, uint64_t parent, const char *name);

/** rig_attr() - getattr. */
struct spool_attr rig_attr(struct engine_rig *rig, uint64_t ino);

/** rig_tick() - a second goes by. */
void rig_tick(struct engine_rig *rig);

uint64_t rig_used(struct engine_rig *rig, uid_t uid, enum spool_resource resource);

/** rig_limits() - puts limits in force; the use of now plus @more of each where >= 0, else none. */
void rig_limits(struct engine_rig *rig, uid_t uid, int64_t mount_bytes, int64_t user_bytes,
		int64_t mount_inodes, int64_t user_inodes);

/** rig_seed() - SPOOL_SEED or the time, printed so that a failure can be had again. */
uint64_t rig_seed(void);

/** rig_random() - 0 to @n - 1 (splitmix64). */
uint64_t rig_random(uint64_t *state, uint64_t n);
