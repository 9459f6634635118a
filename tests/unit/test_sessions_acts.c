/* SPDX-License-Identifier: MIT */

/* Servers that make files as a user who is not theirs: nobody can tell how long they are wanted. */

#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SERVER = 100, SHELL = 200 };

static struct session_rig *rig;
static struct fake_process *server;

static void set_up(enum spool_session_mode mode)
{
	rig = rig_new(mode, 100);
	server = fake_start(&rig->life, SERVER, 0, FAKE_UNSET, SERVER);
}

static void set_uids(uid_t real, uid_t effective, uid_t saved, uid_t files)
{
	server->uids[0] = real;
	server->uids[1] = effective;
	server->uids[2] = saved;
	server->uids[3] = files;
}

/* setfsuid(2), and nobody of ALICE is there, or somebody is. */
static void for_files(enum spool_session_mode mode, bool is_there)
{
	uint64_t id;

	set_up(mode);
	if (is_there) {
		fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
		id = rig_make(rig, SHELL, ALICE, 0);
		rig_pass(rig, RIG_LONG);
		CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
		server = fake_find(&rig->life, SERVER);
	}
	set_uids(0, 0, 0, ALICE);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, ALICE, 0), SPOOL_SESSION_STAYS);
	set_uids(0, 0, 0, BOB);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, BOB, 0), SPOOL_SESSION_STAYS);
	set_uids(0, 0, 0, 0);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, 0, 0), SPOOL_SESSION_NONE);
	rig_free(rig);
}

static void test_for_files(void)
{
	for_files(SPOOL_SESSION_AUTO, false);
	for_files(SPOOL_SESSION_AUTO, true);
	for_files(SPOOL_SESSION_BY_UID, false);
	for_files(SPOOL_SESSION_BY_UID, true);
}

/* seteuid(2): it is one of ALICE's for a moment only. */
static void test_for_a_moment(void)
{
	set_up(SPOOL_SESSION_AUTO);
	set_uids(0, ALICE, 0, ALICE);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, ALICE, 0), SPOOL_SESSION_STAYS);
	set_uids(0, BOB, 0, BOB);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, BOB, 0), SPOOL_SESSION_STAYS);
	rig_free(rig);
}

/* What has become ALICE's for good is. So is a program that has her uid, or gives it up for now. */
static void test_for_good(void)
{
	static const uid_t uids[][4] = {{ALICE, ALICE, ALICE, ALICE},
					{ALICE, 0, 0, ALICE},
					{ALICE, ALICE, 0, ALICE},
					{BOB, ALICE, ALICE, ALICE}};

	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		uint64_t id;

		set_up(SPOOL_SESSION_BY_UID);
		set_uids(0, 0, 0, ALICE);
		CU_ASSERT_EQUAL(rig_make(rig, SERVER, ALICE, 0), SPOOL_SESSION_STAYS);
		set_uids(uids[i][0], uids[i][1], uids[i][2], uids[i][3]);
		id = rig_make(rig, SERVER, ALICE, 0);
		CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_STAYS);
		rig_pass(rig, RIG_LONG);
		CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
		rig_free(rig);
	}
}

/* In a container: root there, with what is of the same owner, and of another one. */
static void test_in_a_container(void)
{
	enum { SUB = 100000, SUB2 = 100033, BOBS = 200000 };
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	rig->grants[0].first = SUB;
	rig->grants[0].last = SUB2;
	rig->grants[0].owner = ALICE;
	rig->grants[1].first = rig->grants[1].last = BOBS;
	rig->grants[1].owner = BOB;
	set_uids(SUB, SUB2, SUB, BOBS);
	CU_ASSERT_EQUAL(rig_make(rig, SERVER, BOBS, 0), SPOOL_SESSION_STAYS);
	set_uids(SUB, SUB, SUB, SUB2);
	id = rig_make(rig, SERVER, SUB2, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_STAYS);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	set_uids(SUB, SUB, SUB, SUB);
	rig_pass(rig, RIG_LONG);
	fake_end(&rig->life, SERVER);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	spool_sessions_put(rig->sessions, id, 1);
	rig_free(rig);
}

/* Its own login is what counts, where it has one and that is what sessions are. */
static void test_login(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	server->audit = 7;
	set_uids(0, 0, 0, ALICE);
	id = rig_make(rig, SERVER, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_STAYS);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	rig_free(rig);
}

/* Whoever makes files as himself costs one read for each, as ever. */
static void test_cost(void)
{
	unsigned long opens, reads;

	set_up(SPOOL_SESSION_AUTO);
	fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
	rig_make(rig, SHELL, ALICE, 0);
	opens = rig->life.opens;
	reads = rig->life.reads;
	for (int i = 0; i < 100; i++)
		rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_EQUAL(rig->life.opens, opens);
	CU_ASSERT_EQUAL(rig->life.reads, reads + 100);
	fake_start(&rig->life, SHELL + 1, ALICE, FAKE_UNSET, SHELL);
	rig_make(rig, SHELL + 1, ALICE, 0);
	CU_ASSERT_EQUAL(rig->life.opens, opens + 1);
	CU_ASSERT_EQUAL(rig->life.reads, reads + 101);
	rig_free(rig);
}

static const struct unit_test tests[] = {
	{"for_files", test_for_files}, {"for_a_moment", test_for_a_moment},
	{"for_good", test_for_good},   {"login", test_login},
	{"cost", test_cost},           {"in_a_container", test_in_a_container},
};

int main(void)
{
	return unit_run("sessions_acts", tests, sizeof(tests) / sizeof(tests[0]));
}
