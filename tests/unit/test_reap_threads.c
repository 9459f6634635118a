/* SPDX-License-Identifier: MIT */

/*
 * Threads make, move, link and remove names while sessions end, files linger, trees expire, all is
 * wiped and two threads reap. Afterwards everything is counted again, and the last session takes
 * the rest along.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define N_WORKERS 3
#define N_REAPERS 2
#define STEPS 20000
#define NAMES 24
#define REMOVED 8

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static _Atomic uint64_t n_removed;
static _Atomic uint64_t session; /* the one that is made in */
static _Atomic uint64_t dirs[4]; /* directories, which may have gone */
static atomic_bool done;

static const char *name_of(uint64_t *state, char buf[8])
{
	snprintf(buf, 8, "n%u", (unsigned int)rig_random(state, NAMES));
	return buf;
}

static uint64_t any_dir(uint64_t *state)
{
	uint64_t ino = dirs[rig_random(state, SPOOL_ARRAY_SIZE(dirs))];

	return ino ? ino : ROOT;
}

static void make(uint64_t *state, const struct spool_cred *cred, const char *name)
{
	struct spool_attr attr;
	uint64_t parent = any_dir(state);

	if (rig_random(state, 3) == 0) {
		if (spool_engine_mkdir(rig->engine, cred, parent, name, 0700, &attr) == 0) {
			dirs[rig_random(state, SPOOL_ARRAY_SIZE(dirs))] = attr.ino;
			spool_engine_forget(rig->engine, attr.ino, 1);
		}
	} else if (spool_engine_create(rig->engine, cred, parent, name, 0600, &attr) == 0) {
		spool_engine_write(rig->engine, attr.ino, "x", 1, 0, 0);
		if (rig_random(state, 4) == 0)
			spool_engine_set_lifetime(
				rig->engine, 1000, attr.ino,
				(enum spool_lifetime)rig_random(state, SPOOL_LIFETIME_MOUNT),
				false);
		spool_engine_release(rig->engine, attr.ino);
		spool_engine_forget(rig->engine, attr.ino, 1);
	}
}

static void change(uint64_t *state, const struct spool_cred *cred, const char *name)
{
	uint64_t from = any_dir(state), to = any_dir(state);
	struct spool_attr attr;
	char buf[8];

	switch (rig_random(state, 5)) {
	case 0:
		spool_engine_rename(rig->engine, cred, from, name, to, name_of(state, buf), 0);
		break;
	case 1:
		spool_engine_unlink(rig->engine, cred, from, name);
		break;
	case 2:
		spool_engine_rmdir(rig->engine, cred, from, name);
		break;
	case 3:
		if (spool_engine_lookup(rig->engine, cred, from, name, &attr) < 0)
			break;
		if (spool_engine_link(rig->engine, cred, attr.ino, to, name_of(state, buf),
				      &attr) == 0)
			spool_engine_forget(rig->engine, attr.ino, 1);
		spool_engine_forget(rig->engine, attr.ino, 1);
		break;
	default:
		if (rig_random(state, 50) == 0)
			spool_engine_expire(rig->engine, 1000, to);
		else if (rig_random(state, 20) == 0)
			spool_engine_set_lifetime(rig->engine, 1000, to, SPOOL_LIFETIME_CLOSE,
						  true);
		else if (rig_random(state, 100) == 0)
			spool_engine_wipe(rig->engine, NULL);
	}
}

static void *work(void *arg)
{
	uint64_t state = *(uint64_t *)arg;
	struct spool_cred cred = rig->cred;
	char buf[8];

	for (int i = 0; i < STEPS; i++) {
		cred.session = session;
		if (rig_random(&state, 2) == 0)
			make(&state, &cred, name_of(&state, buf));
		else
			change(&state, &cred, name_of(&state, buf));
		if (rig_random(&state, 2000) == 0)
			spool_engine_session_end(rig->engine, atomic_fetch_add(&session, 1));
		rig->host.monotonic_ns += 10000000;
	}
	return NULL;
}

static void *reaper(void *arg)
{
	struct spool_removed removed[REMOVED];
	uint64_t ms;
	size_t n;

	(void)arg;
	while (!done) {
		spool_engine_reap(rig->engine, removed, REMOVED, &n, &ms);
		/* without a name: an open file that was wiped */
		for (size_t i = 0; i < n; i++) {
			n_removed += removed[i].len > 0;
			spool_engine_told(rig->engine, &removed[i].untold);
		}
	}
	return NULL;
}

static void test_all_at_once(void)
{
	pthread_t workers[N_WORKERS], reapers[N_REAPERS];
	uint64_t seeds[N_WORKERS], seed = rig_seed();

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	session = 1;
	for (int i = 0; i < N_REAPERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&reapers[i], NULL, reaper, NULL), 0);
	for (int i = 0; i < N_WORKERS; i++) {
		seeds[i] = seed + (uint64_t)i;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i], NULL, work, &seeds[i]), 0);
	}
	for (int i = 0; i < N_WORKERS; i++)
		pthread_join(workers[i], NULL);
	done = true;
	for (int i = 0; i < N_REAPERS; i++)
		pthread_join(reapers[i], NULL);
	CU_ASSERT_EQUAL(engine_rig_audit(rig), 0);
	CU_ASSERT_EQUAL(life_stat(&life).removed, n_removed);
	/* what joined a session after its end went all the same, so nothing but these is left */
	for (uint64_t i = 1; i <= session; i++)
		spool_engine_session_end(rig->engine, i);
	life_reap(&life);
	CU_ASSERT_EQUAL(life_stat(&life).ended, 0);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"all at once", test_all_at_once},
	};

	return unit_run("reap_threads", tests, SPOOL_ARRAY_SIZE(tests));
}
