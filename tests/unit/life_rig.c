/* SPDX-License-Identifier: MIT */
#include "life_rig.h"

#include <stdio.h>

#include <string.h>

#define REMOVED 64

static void on_inodes(void *ctx, uint64_t id, int n)
{
	struct life_rig *life = ctx;

	life->counted[id % LIFE_SESSIONS] += n;
}

static void on_reap(void *ctx)
{
	struct life_rig *life = ctx;

	life->woken++;
}

void life_rig_init(struct life_rig *life, enum spool_layout layout, enum spool_lifetime lifetime)
{
	struct spool_config config = engine_rig_config(layout, SPOOL_MODES_OWNER);

	memset(life, 0, sizeof(*life));
	config.lifetime = lifetime;
	config.linger_ms = 2000;
	config.session_inodes = on_inodes;
	config.reap = on_reap;
	config.life_ctx = life;
	engine_rig_init_config(&life->rig, &config);
}

uint64_t life_file(struct life_rig *life, uint64_t session, uint64_t parent, const char *name)
{
	life->rig.cred.session = session;
	return rig_file(&life->rig, parent, name);
}

uint64_t life_dir(struct life_rig *life, uint64_t session, uint64_t parent, const char *name)
{
	life->rig.cred.session = session;
	return rig_mkdir(&life->rig, parent, name);
}

void life_fill_tree(struct life_rig *life, uint64_t dir, uint64_t inos[3])
{
	char name[16];

	for (int level = 0; level < 3; level++) {
		dir = inos[level] = life_dir(life, 1, dir, "sub");
		for (int i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			life_file(life, 1, dir, name);
		}
	}
}

size_t life_reap(struct life_rig *life)
{
	struct spool_removed removed[REMOVED];
	size_t total = 0, n;
	int r;

	do {
		life->ms = 0;
		r = spool_engine_reap(life->rig.engine, removed, REMOVED, &n, &life->ms);
		total += n;
		for (size_t i = 0; i < n; i++)
			spool_engine_told(life->rig.engine, &removed[i].untold);
	} while (r == SPOOL_REAP_MORE);
	CU_ASSERT_EQUAL(r, life->ms ? SPOOL_REAP_LATER : SPOOL_REAP_NOTHING);
	return total;
}

size_t life_end(struct life_rig *life, uint64_t session)
{
	spool_engine_session_end(life->rig.engine, session);
	return life_reap(life);
}

struct spool_life life_of(struct life_rig *life, uint64_t ino)
{
	struct spool_life now = {0};

	CU_ASSERT_EQUAL(spool_engine_life(life->rig.engine, ino, &now), 0);
	return now;
}

struct spool_life_stat life_stat(struct life_rig *life)
{
	struct spool_life_stat now;

	spool_engine_life_stat(life->rig.engine, &now);
	return now;
}
