/* SPDX-License-Identifier: MIT */

/* What goes by itself goes in turn, by payer: however much one of them has, what another has goes
 * within a number of steps that does not depend on it. */

#include <stdio.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define HOG 1000
#define GUEST 1001
#define GUEST_SESSION 1

/* Names of the hog: so many that no bound on the guest's steps allows for them. */
#define MANY 20000
#define SESSIONS 1000
#define FEW 10

/* Steps for a name of the guest, whose turn is every second one; and as many for looks at what does
 * not go yet. */
#define STEPS_PER_NAME 4

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;

/* Return: the own directory of @uid, who makes what is made next. */
static uint64_t act_as(uid_t uid)
{
	struct spool_attr attr = {0};
	char name[16];

	rig->cred.uid = rig->cred.gid = uid;
	snprintf(name, sizeof(name), "%u", uid);
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, name, &attr), 0);
	return attr.ino;
}

/* @n files in @dir, of sessions from @session on, @n_sessions of them in turn. */
static void fill(uint64_t dir, uint64_t session, int n_sessions, int n)
{
	char name[16];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		spool_engine_forget(
			rig->engine,
			life_file(&life, session + (uint64_t)(i % n_sessions), dir, name), 1);
	}
}

/* Is anything of @uid there but his directory? */
static bool has_any(uid_t uid)
{
	return rig_used(rig, uid, SPOOL_RES_INODES) > 1;
}

/* Steps until @uid has none left. A step removes one name at most. */
static unsigned int steps_until_empty(uid_t uid)
{
	struct spool_removed removed;
	unsigned int steps = 0;
	enum spool_reap what = SPOOL_REAP_MORE;
	uint64_t ms;
	size_t n;

	for (; what == SPOOL_REAP_MORE && has_any(uid); steps++) {
		what = spool_engine_reap(rig->engine, &removed, 1, &n, &ms);
		if (n > 0)
			spool_engine_told(rig->engine, &removed.untold);
	}
	CU_ASSERT_FALSE(has_any(uid));
	return steps;
}

/* The guest's is done in time, and all of the hog's in the end. */
static void check(void)
{
	CU_ASSERT(steps_until_empty(GUEST) <= STEPS_PER_NAME * FEW);
	CU_ASSERT_TRUE(has_any(HOG));
	life_reap(&life);
	CU_ASSERT_FALSE(has_any(HOG));
	CU_ASSERT_TRUE(spool_engine_free(rig->engine));
}

/* A thousand sessions of one end, and then one of another. */
static void test_sessions(void)
{
	uint64_t hog, guest;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	guest = act_as(GUEST);
	fill(guest, GUEST_SESSION, 1, FEW);
	hog = act_as(HOG);
	fill(hog, GUEST_SESSION + 1, SESSIONS, MANY);
	for (uint64_t i = 1; i <= SESSIONS; i++)
		spool_engine_session_end(rig->engine, GUEST_SESSION + i);
	spool_engine_session_end(rig->engine, GUEST_SESSION);
	check();
}

/* All of the hog's have been marked before the guest's expire, or are marked meanwhile. */
static void expire_both(bool marked)
{
	uint64_t hog, guest;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	guest = act_as(GUEST);
	fill(guest, GUEST_SESSION, 1, FEW);
	hog = act_as(HOG);
	fill(hog, GUEST_SESSION + 1, 1, MANY);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, HOG, hog), 0);
	for (unsigned int i = 0; marked && i < MANY / 32 + 1; i++)
		spool_engine_reap(rig->engine, &(struct spool_removed){0}, 1, &(size_t){0},
				  &(uint64_t){0});
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, GUEST, guest), 0);
	check();
}

static void test_expiry(void)
{
	expire_both(false);
	expire_both(true);
}

/* The hog's session ends, the guest's expires, and the other way round. */
static void test_session_and_expiry(void)
{
	uint64_t hog, guest;

	for (int i = 0; i < 2; i++) {
		life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
		guest = act_as(GUEST);
		fill(guest, GUEST_SESSION, 1, FEW);
		hog = act_as(HOG);
		fill(hog, GUEST_SESSION + 1, 1, MANY);
		spool_engine_session_end(rig->engine, GUEST_SESSION + (i == 0));
		CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, i ? HOG : GUEST, i ? hog : guest),
				0);
		check();
	}
}

/* The guest wipes what is his, beside what the hog has, and then beside the hog's own wipe. */
static void test_wipe(void)
{
	const uid_t hog = HOG, guest = GUEST;

	for (int i = 0; i < 2; i++) {
		life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
		fill(act_as(GUEST), GUEST_SESSION, 1, FEW);
		fill(act_as(HOG), GUEST_SESSION + 1, 1, MANY);
		if (i > 0)
			CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, &hog), 0);
		CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, &guest), 0);
		CU_ASSERT(steps_until_empty(GUEST) <= STEPS_PER_NAME * FEW);
		CU_ASSERT_TRUE(has_any(HOG));
		life_reap(&life);
		CU_ASSERT_EQUAL(has_any(HOG), i == 0);
		CU_ASSERT_TRUE(spool_engine_free(rig->engine));
	}
}

/* @n files in @dir that have been written and closed. */
static void fill_closed(uint64_t dir, int n)
{
	struct spool_attr attr;
	char name[16];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CU_ASSERT_EQUAL(
			spool_engine_create(rig->engine, &rig->cred, dir, name, 0600, &attr), 0);
		rig_write(rig, attr.ino, "data");
		spool_engine_release(rig->engine, attr.ino);
		spool_engine_forget(rig->engine, attr.ino, 1);
	}
}

/* The hog has closed his files first; all have been closed for long enough. */
static void test_closed(void)
{
	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_CLOSE);
	fill_closed(act_as(HOG), MANY);
	fill_closed(act_as(GUEST), FEW);
	rig->host.monotonic_ns += UINT64_C(3000000000);
	check();
}

/* The same when there was no memory for lines of their own: then in the order of their closes. */
static void test_closed_no_memory(void)
{
	uint64_t hog, guest;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_CLOSE);
	hog = act_as(HOG);
	guest = act_as(GUEST);
	for (int i = 0; i < 2; i++) {
		struct spool_attr attr;

		CU_ASSERT_EQUAL(spool_engine_create(rig->engine, &rig->cred, i ? guest : hog, "f",
						    0600, &attr),
				0);
		rig_write(rig, attr.ino, "data");
		fault_host_arm(&rig->host, 1, true);
		spool_engine_release(rig->engine, attr.ino);
		fault_host_arm(&rig->host, 0, false);
	}
	rig->host.monotonic_ns += UINT64_C(3000000000);
	CU_ASSERT_EQUAL(life_reap(&life), 2);
	engine_rig_fini(rig);
}

/* Without memory for a line of one's own what expires goes all the same. */
static void test_no_memory(void)
{
	uint64_t guest;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	guest = act_as(GUEST);
	fill(guest, GUEST_SESSION, 1, FEW);
	fault_host_arm(&rig->host, 1, true);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, GUEST, guest), 0);
	CU_ASSERT_EQUAL(life_reap(&life), FEW);
	fault_host_arm(&rig->host, 0, false);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"sessions", test_sessions},
		{"expiry", test_expiry},
		{"a session and an expiry", test_session_and_expiry},
		{"wipe", test_wipe},
		{"closed files", test_closed},
		{"closed files without memory", test_closed_no_memory},
		{"no memory", test_no_memory},
	};

	return unit_run("reap_turns", tests, SPOOL_ARRAY_SIZE(tests));
}
