/* SPDX-License-Identifier: MIT */

/* The processes of daemons keep no session alive, and nobody else passes for one of them. */

#include <errno.h>

#include "session_rig.h"

enum { ALICE = 1000, SHELL = 100, WORKER = 200, JANITOR = 300, OTHER = 350, LOGIN = 7 };

#define FOUND 1000u

static struct session_rig *rig;

/* A daemon of two processes that ALICE has started, with threads of the worker's. */
static void set_up(enum spool_session_mode mode)
{
	rig = rig_new(mode, 100);
	fake_start(&rig->life, WORKER, ALICE, LOGIN, SHELL);
	fake_thread(&rig->life, WORKER + 1, WORKER);
	fake_thread(&rig->life, WORKER + 2, WORKER);
	fake_start(&rig->life, JANITOR, ALICE, LOGIN, SHELL);
	fake_start(&rig->life, SHELL, ALICE, LOGIN, SHELL);
	rig->life.last = JANITOR;
	rig->own[0] = WORKER;
	rig->own[1] = JANITOR;
	rig->n_own = 2;
}

static uint64_t make_file(void)
{
	uint64_t id = rig_make(rig, SHELL, ALICE, 0);

	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	return id;
}

/* @ends: the session does. */
static void check(uint64_t id, bool ends)
{
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_ended(rig, id), ends);
	spool_sessions_put(rig->sessions, id, 1);
	rig_free(rig);
}

static void end_of(enum spool_session_mode mode, bool is_own)
{
	uint64_t id;

	set_up(mode);
	id = make_file();
	if (!is_own)
		rig->n_own = 1; /* then the other one is somebody's */
	fake_end(&rig->life, SHELL);
	check(id, is_own);
}

static void test_left_out(void)
{
	end_of(SPOOL_SESSION_BY_UID, true);
	end_of(SPOOL_SESSION_BY_LOGIN, true);
	end_of(SPOOL_SESSION_BY_SID, true);
	end_of(SPOOL_SESSION_BY_UID, false);
	end_of(SPOOL_SESSION_BY_LOGIN, false);
	end_of(SPOOL_SESSION_BY_SID, false);
}

/* A thread of somebody else beside those of the worker. */
static void test_others_thread(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	id = make_file();
	fake_start(&rig->life, 400, 0, FAKE_UNSET, 400);
	fake_thread(&rig->life, 401, 400)->uids[0] = ALICE;
	fake_end(&rig->life, SHELL);
	check(id, false);
}

/* The number goes to a process of the user's, with the second answer no longer among ours. */
static void reuse(struct session_rig *r)
{
	if (!fake_find(&r->life, JANITOR))
		fake_start(&r->life, JANITOR, ALICE, LOGIN, SHELL);
	r->life.last = JANITOR;
	r->own[1] = WORKER;
	r->asked = NULL;
}

static void test_number_reused(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	id = make_file();
	fake_end(&rig->life, JANITOR);
	rig->asked = reuse;
	fake_end(&rig->life, SHELL);
	check(id, false);
}

/* The same, after it was found to be ours: its start tells. */
static void reuse_later(struct fake_life *life)
{
	if (!fake_find(life, JANITOR) || rig->own[1] == WORKER)
		return;
	fake_end(life, JANITOR);
	rig->own[1] = WORKER;
	fake_start(life, JANITOR, ALICE, LOGIN, SHELL);
}

static void test_number_reused_later(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	id = make_file();
	rig->life.hook = reuse_later;
	rig->life.hook_pid = WORKER;
	fake_end(&rig->life, SHELL);
	check(id, false);
}

/* The janitor is started again during a look, and told of at once, or later. */
static bool is_told;

static void start_again(struct fake_life *life)
{
	if (rig->own[1] != JANITOR)
		return;
	fake_end(life, JANITOR);
	rig->own[1] = fake_fork(life, fake_find(life, WORKER))->pid;
	if (!is_told)
		rig->n_own = -EAGAIN;
}

static void restart(bool told, bool is_own)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	id = make_file();
	is_told = told;
	rig->life.hook = start_again;
	rig->life.hook_pid = JANITOR;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, FOUND);
	CU_ASSERT_NOT_EQUAL(rig->own[1], JANITOR);
	rig->n_own = is_own ? 2 : 1;
	rig_pass(rig, RIG_LONG);
	check(id, is_own);
}

static void test_restarted(void)
{
	restart(true, true);
	restart(false, true);
	restart(false, false);
}

static void start_other(void)
{
	fake_start(&rig->life, OTHER, ALICE, LOGIN, SHELL)->name = "a) (daemon)";
}

/* The daemon of another mount of ALICE's, with a thread. */
static void other_daemon(enum spool_session_mode mode, bool is_one)
{
	uint64_t id;

	set_up(mode);
	start_other();
	fake_thread(&rig->life, OTHER + 1, OTHER);
	id = make_file();
	if (is_one)
		rig->daemon = OTHER;
	fake_end(&rig->life, SHELL);
	check(id, is_one);
}

static void test_other_daemon(void)
{
	other_daemon(SPOOL_SESSION_BY_UID, true);
	other_daemon(SPOOL_SESSION_BY_LOGIN, true);
	other_daemon(SPOOL_SESSION_BY_SID, true);
	other_daemon(SPOOL_SESSION_BY_UID, false);
	other_daemon(SPOOL_SESSION_BY_LOGIN, false);
	other_daemon(SPOOL_SESSION_BY_SID, false);
}

/* It ends while it is asked about, and a process of ALICE's gets its number. */
static void hand_over(struct session_rig *r, pid_t pid)
{
	if (pid != OTHER)
		return;
	fake_end(&r->life, OTHER);
	start_other();
	r->daemon = 0;
	r->asked_daemon = NULL;
}

static void test_other_daemons_number(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	start_other();
	id = make_file();
	rig->daemon = OTHER;
	rig->asked_daemon = hand_over;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_PTR_NULL(rig->asked_daemon);
	check(id, false);
}

/* Many that are called so and are none: one is enough to know. */
static void test_called_so(void)
{
	uint64_t id;

	set_up(SPOOL_SESSION_BY_UID);
	start_other();
	for (int i = 0; i < 1000; i++)
		fake_fork(&rig->life, fake_find(&rig->life, OTHER))->name = "a) (daemon)";
	id = make_file();
	rig->daemon_asks = 0;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->daemon_asks, 1);
	check(id, false);
}

static const struct unit_test tests[] = {
	{"left_out", test_left_out},
	{"others_thread", test_others_thread},
	{"number_reused", test_number_reused},
	{"number_reused_later", test_number_reused_later},
	{"restarted", test_restarted},
	{"other_daemon", test_other_daemon},
	{"other_daemons_number", test_other_daemons_number},
	{"called_so", test_called_so},
};

int main(void)
{
	return unit_run("sessions_own", tests, sizeof(tests) / sizeof(tests[0]));
}
