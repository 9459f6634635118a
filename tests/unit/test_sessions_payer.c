/* SPDX-License-Identifier: MIT */

/* The session of a uid is its payer's: all processes whose uids he pays for are in it. */

#include <errno.h>

#include "session_rig.h"

enum {
	ALICE = 1000,
	BOB = 1001,
	SERVICE = 500, /* a system user */
	SUB = 100000,
	SUB2 = 100033,
	BOBS = 200000,
	SERVICES = 300000,
	NOBODYS = 400000,
	SHELL = 100,
	INSIDE = 200,
	INSIDE2 = 300,
	OTHER = 400,
};

#define FOUND 1000u

static struct session_rig *rig;

static void grant(size_t i, uid_t first, uid_t owner)
{
	rig->grants[i].first = first;
	rig->grants[i].last = first + 65535;
	rig->grants[i].owner = owner;
}

static void set_up(enum spool_session_mode mode)
{
	rig = rig_new(mode, 100);
	grant(0, SUB, ALICE);
	grant(1, BOBS, BOB);
	grant(2, SERVICES, SERVICE);
}

static void start(pid_t pid, uid_t uid)
{
	fake_start(&rig->life, pid, uid, FAKE_UNSET, pid);
}

static uint64_t make(pid_t pid, uid_t uid)
{
	uint64_t id = rig_make(rig, pid, uid, 0);

	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	return id;
}

/* @ends: the session does. */
static void check(uint64_t id, bool ends)
{
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_ended(rig, id), ends);
}

static void done(uint64_t id)
{
	spool_sessions_put(rig->sessions, id, 1);
	rig_free(rig);
}

/* @first ends, then @last: both are members, whichever made the file. */
static void keeps(pid_t maker, uid_t uid, pid_t first, pid_t last)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(SHELL, ALICE);
	start(INSIDE, SUB);
	id = make(maker, uid);
	fake_end(&rig->life, first);
	check(id, false);
	fake_end(&rig->life, last);
	check(id, true);
	done(id);
}

static void test_owner_and_subordinate(void)
{
	keeps(INSIDE, SUB, INSIDE, SHELL);
	keeps(INSIDE, SUB, SHELL, INSIDE);
	keeps(SHELL, ALICE, SHELL, INSIDE);
	keeps(SHELL, ALICE, INSIDE, SHELL);
}

/* Two uids of one container. */
static void test_two_subordinates(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	start(INSIDE, SUB);
	start(INSIDE2, SUB2);
	id = make(INSIDE2, SUB2);
	CU_ASSERT_EQUAL(make(INSIDE, SUB), id);
	fake_end(&rig->life, INSIDE2);
	check(id, false);
	fake_end(&rig->life, INSIDE);
	check(id, true);
	spool_sessions_put(rig->sessions, id, 1);
	done(id);
}

/* Those of another user, or of nobody, are no members. */
static void test_of_others(void)
{
	static const uid_t others[] = {BOB, BOBS, NOBODYS, SERVICES};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint64_t id;

		set_up(SPOOL_SESSION_AUTO);
		start(OTHER, others[i]);
		start(INSIDE, SUB);
		id = make(INSIDE, SUB);
		fake_end(&rig->life, INSIDE);
		check(id, true);
		done(id);
	}
}

/* One with several uids of the owner's counts once. */
static void test_counts_once(void)
{
	struct spool_session_info info;
	struct fake_process *process;
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(INSIDE, SUB);
	process = fake_find(&rig->life, INSIDE);
	process->uids[0] = SUB2;
	process->uids[1] = ALICE;
	id = make(INSIDE, SUB);
	CU_ASSERT_EQUAL_FATAL(spool_sessions_info(rig->sessions, id, &info), 0);
	CU_ASSERT_EQUAL(info.members, 1);
	CU_ASSERT_EQUAL(info.kind, SPOOL_SESSION_UID);
	CU_ASSERT_EQUAL(info.value, ALICE);
	CU_ASSERT_EQUAL(info.owner, ALICE);
	done(id);
}

/* The session of a system user would never end, so there is none. */
static void test_of_the_system(void)
{
	set_up(SPOOL_SESSION_AUTO);
	start(INSIDE, SERVICES);
	CU_ASSERT_EQUAL(rig_make(rig, INSIDE, SERVICES, 0), SPOOL_SESSION_NONE);
	rig_free(rig);
}

/* Whoever comes to pay for a uid has its processes in his session from then on; what they have made
 * before stays as long as they do. */
static void test_granted(void)
{
	uint64_t before, id;

	set_up(SPOOL_SESSION_AUTO);
	start(INSIDE, NOBODYS);
	start(SHELL, ALICE);
	before = make(INSIDE, NOBODYS);
	id = make(SHELL, ALICE);
	CU_ASSERT_NOT_EQUAL(id, before);
	grant(3, NOBODYS, ALICE);
	fake_end(&rig->life, SHELL);
	check(id, false);
	check(before, false);
	CU_ASSERT_EQUAL(make(INSIDE, NOBODYS), id);
	fake_end(&rig->life, INSIDE);
	check(id, true);
	check(before, true);
	spool_sessions_put(rig->sessions, before, 1);
	spool_sessions_put(rig->sessions, id, 1);
	done(id);
}

/* A uid that has made something stays a member when somebody else pays for it, or nobody. */
static void taken_away(uid_t owner)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(SHELL, ALICE);
	start(INSIDE, SUB);
	start(INSIDE2, SUB2);
	id = make(INSIDE, SUB);
	grant(0, owner ? SUB : NOBODYS, owner);
	fake_end(&rig->life, SHELL);
	check(id, false);
	fake_end(&rig->life, INSIDE);
	check(id, true);
	done(id);
}

static void test_taken_away(void)
{
	taken_away(BOB);
	taken_away(0);
}

/* Root, and others whose processes never end, are no members where they cannot be identified, and
 * what they make goes by its directory: they would keep its session for good. */
static void test_unidentified(void)
{
	static const uid_t others[] = {0, SERVICE};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct spool_creator creator = {.uid = others[i], .owner = ALICE};

		set_up(SPOOL_SESSION_AUTO);
		start(OTHER, others[i]);
		start(SHELL, ALICE);
		creator.directory = make(SHELL, ALICE);
		CU_ASSERT_EQUAL(spool_sessions_of(rig->sessions, &creator), creator.directory);
		spool_sessions_done(rig->sessions, creator.directory, true);
		fake_end(&rig->life, SHELL);
		check(creator.directory, true);
		spool_sessions_put(rig->sessions, creator.directory, 1);
		done(creator.directory);
	}
}

/* Whoever cannot be noted is in no session. */
static void test_no_memory(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(SHELL, ALICE);
	start(INSIDE, SUB);
	id = make(SHELL, ALICE);
	fault_host_arm(&rig->fault, 1, false);
	CU_ASSERT_EQUAL(rig_make(rig, INSIDE, SUB, 0), SPOOL_SESSION_STAYS);
	CU_ASSERT_EQUAL(rig_make(rig, INSIDE, SUB, 0), id);
	CU_ASSERT_EQUAL(rig_make(rig, INSIDE, SUB, 0), id);
	spool_sessions_put(rig->sessions, id, 1);
	spool_sessions_put(rig->sessions, id, 1);
	done(id);
}

/* As long as it is not known who pays for whom no uid has ended, but logins do. */
static void test_not_known(void)
{
	uint64_t id, login;

	set_up(SPOOL_SESSION_AUTO);
	start(INSIDE, NOBODYS);
	start(SHELL, ALICE);
	fake_start(&rig->life, OTHER, ALICE, 7, OTHER);
	id = make(SHELL, ALICE);
	login = make(OTHER, ALICE);
	rig->payers = -EAGAIN;
	fake_end(&rig->life, SHELL);
	fake_end(&rig->life, OTHER);
	check(login, true);
	check(id, false);
	grant(3, NOBODYS, ALICE);
	rig->payers = 0;
	check(id, false);
	fake_end(&rig->life, INSIDE);
	check(id, true);
	spool_sessions_put(rig->sessions, login, 1);
	done(id);
}

/* Nor is anybody found by what may not hold any more. */
static void test_known_later(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(SHELL, ALICE);
	start(INSIDE, SUB);
	id = make(SHELL, ALICE);
	rig->payers = -EAGAIN;
	fake_end(&rig->life, SHELL);
	check(id, false);
	grant(0, NOBODYS, ALICE);
	rig->payers = 0;
	rig_pass(rig, RIG_LONG);
	rig_pass(rig, RIG_LONG);
	check(id, true);
	done(id);
}

/* Who was found has been there, though it was not known for sure whose he is: two looks that find
 * nobody must follow him. */
static void test_found_while_not_known(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_AUTO);
	start(SHELL, ALICE);
	id = make(SHELL, ALICE);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_LEAVING);
	start(INSIDE, SUB);
	rig->payers = -EAGAIN;
	rig_pass(rig, 10000);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_SOUGHT);
	fake_end(&rig->life, INSIDE);
	rig->payers = 0;
	rig_pass(rig, 9000);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	check(id, true);
	done(id);
}

static const struct unit_test tests[] = {
	{"owner_and_subordinate", test_owner_and_subordinate},
	{"two_subordinates", test_two_subordinates},
	{"of_others", test_of_others},
	{"counts_once", test_counts_once},
	{"of_the_system", test_of_the_system},
	{"granted", test_granted},
	{"taken_away", test_taken_away},
	{"unidentified", test_unidentified},
	{"no_memory", test_no_memory},
	{"not_known", test_not_known},
	{"known_later", test_known_later},
	{"found_while_not_known", test_found_while_not_known},
};

int main(void)
{
	return unit_run("sessions_payer", tests, sizeof(tests) / sizeof(tests[0]));
}
