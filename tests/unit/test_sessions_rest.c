/* SPDX-License-Identifier: MIT */

/* Looks at many processes, and ends of many sessions, hold nobody up: others go in between. */

#include "session_rig.h"
#include "util/lock.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, BOBS = 5000, MANY = 200, USERS = 10000 };

#define FOUND 1000u

/* Somebody who makes a file whenever he can. */
static void make_one(struct fake_life *life)
{
	struct session_rig *rig = life->arg;

	CU_ASSERT_NOT_EQUAL(rig_make(rig, BOBS, BOB, 0), SPOOL_SESSION_NONE);
}

static void many_end_at_once(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_SID, 2 * MANY);
	uint64_t ids[MANY], bobs;
	unsigned long rests;

	fake_start(&rig->life, BOBS, BOB, FAKE_UNSET, BOBS);
	bobs = rig_make(rig, BOBS, BOB, 0);
	for (int i = 0; i < MANY; i++) {
		fake_start(&rig->life, SHELL + i, ALICE, FAKE_UNSET, SHELL + i);
		ids[i] = rig_make(rig, SHELL + i, ALICE, 0);
	}
	rig_pass(rig, FOUND);
	rig->life.arg = rig;
	rig->life.on_rest = make_one;
	for (int i = 0; i < MANY; i++)
		fake_end(&rig->life, SHELL + i);
	rests = rig->life.rests;
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig->life.rests - rests > MANY / 32);
	for (int i = 0; i < MANY; i++)
		CU_ASSERT_TRUE(rig_ended(rig, ids[i]));
	CU_ASSERT_EQUAL(rig_state(rig, bobs), SPOOL_SESSION_WATCHED);
	CU_ASSERT_EQUAL(rig->n_ended, MANY);
	rig_free(rig);
}

/* With each process that is looked at, and not only with those that somebody waits for. */
static void a_look_at_many(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_LOGIN, 100);
	unsigned long rests;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	for (int i = 0; i < MANY; i++)
		fake_start(&rig->life, BOBS + i, BOB, 8, BOBS + i);
	id = rig_make(rig, SHELL, ALICE, 0);
	rests = rig->life.rests;
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	CU_ASSERT_TRUE(rig->life.rests - rests >= MANY);
	rig_free(rig);
}

static unsigned long n_locks;

void __real_spool_mutex_lock(struct spool_mutex *lock, enum spool_rank rank);
void __wrap_spool_mutex_lock(struct spool_mutex *lock, enum spool_rank rank);

void __wrap_spool_mutex_lock(struct spool_mutex *lock, enum spool_rank rank)
{
	n_locks++;
	__real_spool_mutex_lock(lock, rank);
}

/* One of many users ends: those who make files do not meet a look that takes the lock for
 * each process of the others. */
static void few_locks(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 2 * USERS);

	for (int i = 0; i < USERS; i++) {
		fake_start(&rig->life, 1000 + i, ALICE + (uid_t)i, FAKE_UNSET, 1000 + i);
		rig_make(rig, 1000 + i, ALICE + (uid_t)i, 0);
	}
	rig_pass(rig, FOUND);
	fake_end(&rig->life, 1000);
	n_locks = 0;
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig->life.lists, 2);
	CU_ASSERT_TRUE(n_locks < 100);
	rig_free(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"many end at once", many_end_at_once},
		{"a look at many", a_look_at_many},
		{"few locks", few_locks},
	};

	return unit_run("sessions_rest", tests, sizeof(tests) / sizeof(tests[0]));
}
