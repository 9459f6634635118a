/* SPDX-License-Identifier: MIT */

/* Sessions when something goes wrong: numbers that are used again, processes that come and go while
 * they are looked for, what cannot be read, and ten thousand at once. */

#include <errno.h>
#include <string.h>

#include "life/process.h"
#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, JOB = 200, MANY = 10000 };

#define FOUND 1000u

/* The number of the shell goes to somebody else. */
static void reuse(struct fake_life *life)
{
	if (fake_find(life, SHELL))
		fake_end(life, SHELL);
	fake_start(life, SHELL, BOB, 9, SHELL);
}

/* At each read in turn, from the first create to the watching of the member. */
static void reuse_at(unsigned long at, bool weak, bool has_twin)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	if (has_twin)
		fake_start(&rig->life, JOB, ALICE, 7, JOB);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig->life.weak = weak;
	rig->life.hook = reuse;
	rig->life.hook_at = rig->life.reads + at;
	rig_pass(rig, RIG_LONG);
	if (rig->life.reads < rig->life.hook_at)
		reuse(&rig->life);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_ended(rig, id), !has_twin);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, BOB, 0), id);
	if (has_twin) {
		fake_end(&rig->life, JOB);
		rig_pass(rig, RIG_LONG);
		CU_ASSERT_TRUE(rig_ended(rig, id));
	}
	CU_ASSERT_EQUAL(rig->n_ended, 1);
	rig_free(rig);
}

static void test_reuse_at_each_read(void)
{
	for (unsigned long at = 1; at <= 20; at++) {
		reuse_at(at, false, false);
		reuse_at(at, false, true);
		reuse_at(at, true, false);
		reuse_at(at, true, true);
	}
}

/* Also where handles did not mean one process: the start tells. */
static void test_start_on_both_sides(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	char text[SPOOL_PROCESS_TEXT];
	struct spool_process process;

	rig->life.weak = true;
	rig->life.hook = reuse;
	for (unsigned long at = 2; at <= 3; at++) {
		fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
		rig->life.hook_at = rig->life.reads + at;
		CU_ASSERT_EQUAL(spool_process_read(&rig->life.system, SHELL,
						   SPOOL_PROCESS_SESSIONID, text, &process),
				-ESRCH);
		fake_end(&rig->life, SHELL);
	}
	rig_free(rig);
}

static void test_caller_number_is_used_again(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	unsigned long opens;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	opens = rig->life.opens;
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	CU_ASSERT_EQUAL(rig->life.opens, opens);
	fake_end(&rig->life, SHELL);
	fake_start(&rig->life, SHELL, ALICE, 8, SHELL);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	CU_ASSERT_EQUAL(rig->life.opens, opens + 1);
	rig_free(rig);
}

static struct session_rig *leaving(uint64_t *ret_id)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	*ret_id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, 50);
	CU_ASSERT_EQUAL(rig_state(rig, *ret_id), SPOOL_SESSION_LEAVING);
	return rig;
}

/* Passed by in the first look. */
static void test_appears_between_looks(void)
{
	uint64_t id;
	struct session_rig *rig = leaving(&id);

	fake_start(&rig->life, JOB, ALICE, 7, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* Somebody that we cannot see works in it. */
static void test_request_between_looks(void)
{
	uint64_t id;
	struct session_rig *rig = leaving(&id);

	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(rig_make(rig, 0, ALICE, id), id);
		rig_pass(rig, 90);
		CU_ASSERT_FALSE(rig_ended(rig, id));
	}
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* What is being made holds it, however long that takes. */
static void test_held(void)
{
	uint64_t id;
	struct session_rig *rig = leaving(&id);
	const struct spool_creator creator = {.owner = ALICE, .uid = ALICE, .directory = id};

	CU_ASSERT_EQUAL(spool_sessions_of(rig->sessions, &creator), id);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	spool_sessions_done(rig->sessions, id, false);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* A process of the session hands over to one with a lower number that has been passed by. */
static void relay(struct fake_life *life)
{
	fake_start(life, SHELL - 1, ALICE, 7, SHELL);
	fake_end(life, JOB);
	life->hook_pid = 0;
}

static void test_relay_during_a_look(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB - 1, BOB, 9, JOB);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_start(&rig->life, JOB, ALICE, 7, JOB);
	fake_end(&rig->life, SHELL);
	rig->life.hook = relay;
	rig->life.hook_pid = JOB - 1;
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	rig_free(rig);
}

/* Reads of a look: of process 1, of its own session, and the one at which it hands over. */
#define HANDS_OVER 3u

/* The only process hands over to one with the number below, each time when it is looked at. Who may
 * chooses numbers so (set_tid, clone3(2)); they are not the next ones. */
static void hand_over(struct fake_life *life)
{
	pid_t *pid = life->arg;
	int last = life->last;

	fake_start(life, *pid - 1, ALICE, 7, SHELL);
	life->last = last;
	fake_end(life, *pid);
	(*pid)--;
	life->hook_at = life->reads + HANDS_OVER;
}

static void test_relay_without_end(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	pid_t pid = JOB;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_start(&rig->life, pid, ALICE, 7, SHELL);
	fake_end(&rig->life, SHELL);
	rig->life.arg = &pid;
	rig->life.hook = hand_over;
	rig->life.hook_at = rig->life.reads + HANDS_OVER;
	rig_pass(rig, 5000);
	CU_ASSERT_TRUE(pid < JOB - 10);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	rig->life.hook_at = 0;
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, pid);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

static void fails_until_it_works(size_t offset)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	int *error = (int *)(void *)((char *)rig + offset);
	uint64_t id, other;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB, ALICE, FAKE_UNSET, JOB);
	id = rig_make(rig, SHELL, ALICE, 0);
	other = rig_make(rig, JOB, ALICE, 0);
	rig_pass(rig, FOUND);
	*error = -EMFILE;
	fake_end(&rig->life, SHELL);
	fake_end(&rig->life, JOB);
	rig_pass(rig, 100 * RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 0);
	CU_ASSERT_TRUE(rig->life.lists < 60);
	*error = 0;
	rig_pass(rig, 100 * RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	CU_ASSERT_TRUE(rig_ended(rig, other));
	rig_free(rig);
}

static void test_errors_are_no_end(void)
{
	fails_until_it_works(offsetof(struct session_rig, life.list_error));
	fails_until_it_works(offsetof(struct session_rig, life.open_error));
	fails_until_it_works(offsetof(struct session_rig, life.read_error));
}

/* Each look that fails is followed by another: 1 s later, then twice as long each time. */
static void test_failed_looks_back_off(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	unsigned long lists;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	lists = rig->life.lists;
	rig->life.list_error = -EMFILE;
	fake_end(&rig->life, SHELL);
	while (rig->life.lists == lists)
		rig_pass(rig, 1);
	for (uint64_t ms = 1000; ms <= 64000; ms *= 2) {
		lists++;
		CU_ASSERT_EQUAL(rig->life.lists, lists);
		rig_pass(rig, ms - 1);
		CU_ASSERT_EQUAL(rig->life.lists, lists);
		rig_pass(rig, 1);
	}
	CU_ASSERT_EQUAL(rig->life.lists, lists + 1);
	rig_free(rig);
}

/* One process that cannot be read may be anybody's. */
static void test_one_that_cannot_be_read(void)
{
	uint64_t id;
	struct session_rig *rig = leaving(&id);

	fake_start(&rig->life, JOB, BOB, 9, JOB);
	rig->life.error_pid = JOB;
	rig->life.read_error = -EACCES;
	rig_pass(rig, 100 * RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	fake_end(&rig->life, JOB);
	rig_pass(rig, 100 * RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* In a user namespace of his own anybody can have so many. He is found, and holds up nobody. */
static void test_many_groups(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_UID, 100);
	uint64_t alice, bob;

	fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
	fake_start(&rig->life, JOB, BOB, FAKE_UNSET, JOB)->has_many_groups = true;
	alice = rig_make(rig, SHELL, ALICE, 0);
	bob = rig_make(rig, JOB, BOB, 0);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, alice));
	CU_ASSERT_EQUAL(rig_state(rig, bob), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, bob));
	rig_free(rig);
}

static struct session_rig *many(unsigned int max_watches, uint64_t *ids)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, max_watches);

	for (int i = 0; i < MANY; i++) {
		fake_start(&rig->life, 1000 + i, ALICE, (uint32_t)i, 1000 + i);
		ids[i] = rig_make(rig, 1000 + i, ALICE, 0);
	}
	rig_pass(rig, FOUND);
	return rig;
}

/* They are found with one look, and over after two. */
static void test_many_at_once(void)
{
	static uint64_t ids[MANY];
	struct session_rig *rig = many(2 * MANY, ids);

	CU_ASSERT_EQUAL(rig->life.lists, 1);
	CU_ASSERT_EQUAL(rig->life.pidfds, MANY);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->life.lists, 1);
	for (int i = 0; i < MANY; i++)
		fake_end(&rig->life, 1000 + i);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig->n_ended, MANY);
	CU_ASSERT_EQUAL(rig->life.lists, 3);
	rig_free(rig);
}

/* With descriptors for a hundred the others are looked for from time to time, and none is lost. */
static void without_descriptors(unsigned int max_watches, int watch_error)
{
	static uint64_t ids[MANY];
	struct session_rig *rig = many(max_watches, ids);

	rig->life.watch_error = watch_error;
	rig_pass(rig, 10 * RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 0);
	CU_ASSERT_TRUE(rig->life.pidfds <= 100);
	CU_ASSERT_EQUAL(rig_state(rig, ids[MANY - 1]), SPOOL_SESSION_UNWATCHED);
	for (int i = 1; i < MANY; i++)
		fake_end(&rig->life, 1000 + i);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, MANY - 1);
	CU_ASSERT_FALSE(rig_ended(rig, ids[0]));
	rig_free(rig);
}

static void test_without_descriptors(void)
{
	without_descriptors(100, 0);
	without_descriptors(0, -ENOSYS);
}

/* Threads whose files would be kept in one place: the last one takes the descriptor of another. */
static void test_callers_without_descriptors(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	for (pid_t pid = 112; pid <= 112 + 2 * 16; pid += 16)
		fake_start(&rig->life, pid, ALICE, 7, pid);
	id = rig_make(rig, 112, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(rig_make(rig, 128, ALICE, 0), id);
	rig->life.max_handles = rig->life.handles_open;
	CU_ASSERT_EQUAL(rig_make(rig, 144, ALICE, 0), id);
	CU_ASSERT_EQUAL(rig_make(rig, 112, ALICE, 0), id);
	CU_ASSERT_EQUAL(rig_make(rig, 128, ALICE, 0), id);
	rig_free(rig);
}

/* The one that began first is watched: those that come and go make nobody look. */
static void test_oldest_is_watched(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	struct spool_session_info info;
	unsigned long lists;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB, ALICE, 7, JOB);
	id = rig_make(rig, JOB, ALICE, 0);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL_FATAL(spool_sessions_info(rig->sessions, id, &info), 0);
	CU_ASSERT_EQUAL(info.member, SHELL);
	CU_ASSERT_EQUAL(info.members, 2);
	CU_ASSERT_EQUAL(info.entries, 1);
	lists = rig->life.lists;
	for (pid_t pid = JOB + 1; pid < JOB + 100; pid++) {
		fake_start(&rig->life, pid, ALICE, 7, JOB);
		CU_ASSERT_EQUAL(rig_make(rig, pid, ALICE, 0), id);
		fake_end(&rig->life, pid);
		rig_pass(rig, 10);
	}
	CU_ASSERT_EQUAL(rig->life.lists, lists);
	rig_free(rig);
}

/* Any allocation may fail: then an entry has no session, and stays. */
static void test_no_memory(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fault_host_arm(&rig->fault, 1, false);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), SPOOL_SESSION_NONE);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), SPOOL_SESSION_NONE);
	rig_free(rig);
	for (long nth = 1;; nth++) {
		const struct spool_session_config config = {.max_callers = 64};
		struct spool_sessions *sessions = NULL;
		struct spool_life_system system = {0};
		struct fault_host fault;
		int r;

		fault_host_init(&fault);
		fault_host_arm(&fault, nth, false);
		r = spool_sessions_new(&fault.host, &system, &config, &sessions);
		spool_sessions_free(sessions);
		CU_ASSERT_EQUAL(fault.live, 0);
		if (!fault.fired)
			break;
		CU_ASSERT_EQUAL(r, -ENOMEM);
	}
}

static const struct unit_test tests[] = {
	{"reuse_at_each_read", test_reuse_at_each_read},
	{"start_on_both_sides", test_start_on_both_sides},
	{"caller_number_is_used_again", test_caller_number_is_used_again},
	{"appears_between_looks", test_appears_between_looks},
	{"request_between_looks", test_request_between_looks},
	{"held", test_held},
	{"relay_during_a_look", test_relay_during_a_look},
	{"relay_without_end", test_relay_without_end},
	{"errors_are_no_end", test_errors_are_no_end},
	{"failed_looks_back_off", test_failed_looks_back_off},
	{"one_that_cannot_be_read", test_one_that_cannot_be_read},
	{"many_groups", test_many_groups},
	{"many_at_once", test_many_at_once},
	{"without_descriptors", test_without_descriptors},
	{"callers_without_descriptors", test_callers_without_descriptors},
	{"oldest_is_watched", test_oldest_is_watched},
	{"no_memory", test_no_memory},
};

int main(void)
{
	return unit_run("sessions_hard", tests, sizeof(tests) / sizeof(tests[0]));
}
