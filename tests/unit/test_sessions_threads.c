/* SPDX-License-Identifier: MIT */

/* Sessions of which only a thread is left: uid, audit session and cgroup are each thread's own. */

#include <stdio.h>

#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, SERVER = 200, THREAD = 201 };

#define FOUND 1000u

static void by_uid(struct fake_process *thread)
{
	for (int i = 0; i < 4; i++)
		thread->uids[i] = ALICE;
}

static void by_login(struct fake_process *thread)
{
	thread->audit = 7;
}

static void by_cgroup(struct fake_process *thread)
{
	snprintf(thread->cgroup, sizeof(thread->cgroup), "/job");
}

/* A server of somebody else, of which one thread works for the session. */
static struct session_rig *served(enum spool_session_mode mode, void (*join)(struct fake_process *),
				  uint64_t *ret_id)
{
	struct session_rig *rig = rig_new(mode, 100);
	struct fake_process *shell = fake_start(&rig->life, SHELL, ALICE, 7, SHELL);

	by_cgroup(shell);
	fake_start(&rig->life, SERVER, BOB, 9, SERVER);
	*ret_id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	join(fake_thread(&rig->life, THREAD, SERVER));
	rig->life.no_events = true;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, 10 * RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, *ret_id));
	return rig;
}

static const struct {
	enum spool_session_mode mode;
	void (*join)(struct fake_process *thread);
} kinds[] = {
	{SPOOL_SESSION_BY_UID, by_uid},
	{SPOOL_SESSION_BY_LOGIN, by_login},
	{SPOOL_SESSION_BY_CGROUP, by_cgroup},
};

/* It keeps it, and no longer than that. */
static void test_ends_with_its_thread(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t id;
		struct session_rig *rig = served(kinds[i].mode, kinds[i].join, &id);

		fake_end(&rig->life, THREAD);
		rig_pass(rig, 3 * RIG_LONG);
		CU_ASSERT_TRUE(rig_ended(rig, id));
		rig_free(rig);
	}
}

/* It goes back to what its process is. */
static void test_ends_when_the_thread_works_for_others(void)
{
	uint64_t id;
	struct session_rig *rig = served(SPOOL_SESSION_BY_UID, by_uid, &id);

	for (int i = 0; i < 4; i++)
		fake_find(&rig->life, THREAD)->uids[i] = BOB;
	rig_pass(rig, 3 * RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* Whose first thread has ended shows no cgroup of version 1; the others do. */
static void test_first_thread_has_ended(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_CGROUP, 100);
	struct fake_process *shell = fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	uint64_t id;

	snprintf(shell->v1, sizeof(shell->v1), "/job");
	id = rig_make(rig, SHELL, ALICE, 0);
	fake_thread(&rig->life, THREAD, SHELL);
	shell = fake_find(&rig->life, SHELL);
	shell->zombie = true;
	shell->v1[0] = '\0';
	rig_pass(rig, 10 * RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	fake_end(&rig->life, THREAD);
	rig_pass(rig, 3 * RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* A process that is found is watched, whatever its threads are; they are not counted. */
static void test_process_is_watched(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_UID, 100);
	struct spool_session_info info;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	for (pid_t tid = SHELL + 1; tid < SHELL + 10; tid++)
		fake_thread(&rig->life, tid, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(spool_sessions_info(rig->sessions, id, &info), 0);
	CU_ASSERT_EQUAL(info.member, SHELL);
	CU_ASSERT_EQUAL(info.members, 1);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	CU_ASSERT_EQUAL(rig->life.thread_lists, 0);
	rig_free(rig);
}

/* In the look that would end it, of each of two processes; all threads have one POSIX session. */
static void looks_at_threads(enum spool_session_mode mode, unsigned long n)
{
	struct session_rig *rig = rig_new(mode, 100);

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, SERVER, BOB, 9, SERVER);
	rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig->life.thread_lists, 0);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 1);
	CU_ASSERT_EQUAL(rig->life.thread_lists, n);
	rig_free(rig);
}

static void test_only_before_an_end(void)
{
	looks_at_threads(SPOOL_SESSION_BY_LOGIN, 2);
	looks_at_threads(SPOOL_SESSION_BY_UID, 2);
	looks_at_threads(SPOOL_SESSION_BY_SID, 0);
}

static const struct unit_test tests[] = {
	{"ends_with_its_thread", test_ends_with_its_thread},
	{"ends_when_the_thread_works_for_others", test_ends_when_the_thread_works_for_others},
	{"first_thread_has_ended", test_first_thread_has_ended},
	{"process_is_watched", test_process_is_watched},
	{"only_before_an_end", test_only_before_an_end},
};

int main(void)
{
	return unit_run("sessions_threads", tests, sizeof(tests) / sizeof(tests[0]));
}
