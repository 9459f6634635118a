/* SPDX-License-Identifier: MIT */

/* Explicit sessions: what they cover, who may end them, and their holders. */

#include <errno.h>
#include <string.h>

#include "life/process.h"
#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, JOB = 200, HOLDER = 300 };

#define FOUND 1000u

static uint64_t begin(struct session_rig *rig, const struct spool_session_binding *binding)
{
	uint64_t id = SPOOL_SESSION_NONE;

	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, binding, &id), 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	return id;
}

static uint64_t begin_directory(struct session_rig *rig, pid_t holder)
{
	const struct spool_session_binding binding = {
		.kind = SPOOL_SESSION_DIRECTORY, .owner = ALICE, .holder = holder};

	return begin(rig, &binding);
}

static struct session_rig *set_up(unsigned int max_watches)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, max_watches);

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, HOLDER, ALICE, 7, SHELL);
	return rig;
}

static void test_login_is_covered(void)
{
	const struct spool_session_binding binding = {
		.kind = SPOOL_SESSION_LOGIN, .audit = 7, .owner = ALICE};
	struct session_rig *rig = set_up(100);
	uint64_t login = rig_make(rig, SHELL, ALICE, 0), id = begin(rig, &binding), again;

	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	CU_ASSERT_NOT_EQUAL(id, login);
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &again), -EEXIST);
	fake_start(&rig->life, JOB, ALICE, 8, JOB);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, JOB, ALICE, 0), id);
	/* in another's tree it covers nothing */
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, BOB, 0), id);
	/* with or without processes it is over when somebody says so */
	fake_end(&rig->life, SHELL);
	fake_end(&rig->life, HOLDER);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, login));
	CU_ASSERT_FALSE(rig_ended(rig, id));
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, id, ALICE, false), 0);
	rig_pass(rig, 0);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* One that could not be bound is not there any more, and does not end. */
static void test_undone(void)
{
	struct session_rig *rig = set_up(100);
	uint64_t id = begin_directory(rig, HOLDER);
	struct spool_session_info info;

	spool_session_undo(rig->sessions, id);
	CU_ASSERT_EQUAL(spool_sessions_info(rig->sessions, id, &info), -ENOENT);
	rig_pass(rig, 0);
	fake_end(&rig->life, HOLDER);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	spool_session_undo(rig->sessions, id);
	rig_free(rig);
}

static void test_cgroup_is_covered(void)
{
	struct spool_session_binding binding = {
		.kind = SPOOL_SESSION_CGROUP, .cgroup = "/a", .owner = ALICE};
	struct session_rig *rig = set_up(100);
	struct fake_process *shell = fake_find(&rig->life, SHELL);
	uint64_t outer = begin(rig, &binding), inner;

	binding.cgroup = "/a/b";
	inner = begin(rig, &binding);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), outer);
	snprintf(shell->v1, sizeof(shell->v1), "/a");
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), outer);
	snprintf(shell->cgroup, sizeof(shell->cgroup), "/a/b/c");
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), inner);
	snprintf(shell->cgroup, sizeof(shell->cgroup), "/a/bc");
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), outer);
	/* whichever hierarchy the longer path is of */
	snprintf(shell->v1, sizeof(shell->v1), "/a/b/c");
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), inner);
	snprintf(shell->v1, sizeof(shell->v1), "/a");
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, outer, ALICE, false), 0);
	snprintf(shell->cgroup, sizeof(shell->cgroup), "/a");
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), outer);
	rig_pass(rig, 0);
	CU_ASSERT_TRUE(rig_ended(rig, outer));
	CU_ASSERT_FALSE(rig_ended(rig, inner));
	rig_free(rig);
}

/* What one has begun costs others nothing, and hides nothing of them. */
static void test_nothing_for_others(void)
{
	const struct spool_session_binding binding = {
		.kind = SPOOL_SESSION_CGROUP, .cgroup = "/a", .owner = ALICE};
	struct session_rig *rig = set_up(100);
	uint64_t bobs, alices;
	unsigned long opens;

	fake_start(&rig->life, JOB, BOB, 8, JOB);
	bobs = rig_make(rig, JOB, BOB, 0);
	alices = begin(rig, &binding);
	opens = rig->life.opens;
	CU_ASSERT_EQUAL(rig_make(rig, JOB, BOB, 0), bobs);
	CU_ASSERT_EQUAL(rig->life.opens, opens);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), alices);
	CU_ASSERT_TRUE(rig->life.opens > opens);
	rig_free(rig);
}

static void test_directory_is_covered(void)
{
	struct session_rig *rig = set_up(100);
	uint64_t id = begin_directory(rig, 0), other = begin_directory(rig, 0);

	CU_ASSERT_NOT_EQUAL(id, other);
	CU_ASSERT_TRUE(spool_session_covers(rig->sessions, id));
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, id), id);
	CU_ASSERT_EQUAL(rig_make(rig, 0, ALICE, id), id);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, BOB, id), id);
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, id, ALICE, false), 0);
	CU_ASSERT_FALSE(spool_session_covers(rig->sessions, id));
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, id), id);
	rig_free(rig);
}

static void test_who_may_end(void)
{
	struct session_rig *rig = set_up(100);
	uint64_t id = begin_directory(rig, 0), login = rig_make(rig, SHELL, ALICE, 0);

	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, id, BOB, false), -ENOENT);
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, 12345, BOB, true), -ENOENT);
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, login, ALICE, false), -EINVAL);
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, id, BOB, true), 0);
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, id, ALICE, false), -ENOENT);
	/* told also when nothing carries it: a directory may be bound to it */
	rig_pass(rig, 0);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	CU_ASSERT_EQUAL(rig_state(rig, id), -1);
	rig_free(rig);
}

static void test_bad_bindings(void)
{
	static const char *const bad[] = {NULL, "", "/", "a", "/a/", "//a", "/a//b"};
	struct spool_session_binding binding = {.kind = SPOOL_SESSION_CGROUP, .owner = ALICE};
	struct session_rig *rig = set_up(100);
	uint64_t id;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		binding.cgroup = bad[i];
		CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EINVAL);
	}
	binding.kind = SPOOL_SESSION_UID;
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EINVAL);
	binding.kind = SPOOL_SESSION_SID;
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EINVAL);
	binding.kind = SPOOL_SESSION_LOGIN;
	binding.audit = FAKE_UNSET;
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EINVAL);
	binding.kind = SPOOL_SESSION_DIRECTORY;
	binding.holder = 12345;
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -ESRCH);
	fault_host_arm(&rig->fault, 1, false);
	binding.holder = 0;
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -ENOMEM);
	rig_free(rig);
}

/* @max_watches: 0: nothing can be watched. The twin: another process of the holder's session. */
static void holder_ends(unsigned int max_watches)
{
	struct session_rig *rig = set_up(max_watches);
	uint64_t id = begin_directory(rig, HOLDER), other = begin_directory(rig, SHELL);

	rig_make(rig, SHELL, ALICE, id);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 0);
	rig->life.open_error = -EMFILE;
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 0);
	rig->life.open_error = 0;
	fake_end(&rig->life, HOLDER);
	fake_start(&rig->life, HOLDER, ALICE, 7, HOLDER);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	CU_ASSERT_FALSE(rig_ended(rig, other));
	rig_free(rig);
}

static void test_holder(void)
{
	holder_ends(100);
	holder_ends(0);
}

static void test_why(void)
{
	struct session_rig *rig = set_up(100);
	struct spool_creator creator = {.tid = SHELL, .uid = ALICE, .owner = ALICE};
	struct spool_session_info info;
	enum spool_session_why why;
	uint64_t id;

	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_KIND);
	CU_ASSERT_EQUAL(info.id, SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(info.kind, SPOOL_SESSION_LOGIN);
	CU_ASSERT_EQUAL(info.value, 7);
	id = rig_make(rig, SHELL, ALICE, 0);
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(info.id, id);
	creator.directory = begin_directory(rig, 0);
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_DIRECTORY);
	CU_ASSERT_EQUAL(info.id, creator.directory);
	CU_ASSERT_TRUE(info.is_explicit);
	creator.is_own = true; /* it has been moved out of what that covers */
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_KIND);
	CU_ASSERT_EQUAL(info.id, id);
	creator = (struct spool_creator){.tid = 1};
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_SYSTEM);
	creator.tid = 0;
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_UNKNOWN);
	spool_sessions_set(rig->sessions, SPOOL_SESSION_BY_CGROUP, 0);
	creator.tid = SHELL;
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(why, SPOOL_WHY_ROOT);
	rig_free(rig);
}

/* The number of a process whose session is asked for goes to another's. */
static void test_why_of_a_number(void)
{
	struct session_rig *rig = set_up(100);
	const struct spool_creator creator = {.tid = HOLDER, .uid = ALICE, .owner = ALICE};
	long open = rig->life.handles_open;
	struct spool_session_info info;
	enum spool_session_why why;
	uid_t uid = BOB;
	int handle = spool_sessions_hold_pid(rig->sessions, SHELL, HOLDER, &uid);

	CU_ASSERT_TRUE_FATAL(handle >= 0);
	CU_ASSERT_EQUAL(uid, ALICE);
	CU_ASSERT_EQUAL(spool_sessions_release_pid(rig->sessions, handle), 0);
	handle = spool_sessions_hold_pid(rig->sessions, SHELL, HOLDER, &uid);
	CU_ASSERT_TRUE_FATAL(handle >= 0);
	fake_end(&rig->life, HOLDER);
	fake_start(&rig->life, HOLDER, BOB, 8, HOLDER);
	spool_sessions_why(rig->sessions, &creator, &info, &why);
	CU_ASSERT_EQUAL(info.value, 8); /* which is not alice's to know */
	CU_ASSERT_EQUAL(spool_sessions_release_pid(rig->sessions, handle), -ESRCH);
	fake_end(&rig->life, HOLDER);
	CU_ASSERT_EQUAL(spool_sessions_hold_pid(rig->sessions, SHELL, HOLDER, &uid), -ESRCH);
	CU_ASSERT_EQUAL(spool_sessions_hold_pid(rig->sessions, SHELL, 0, &uid), -ESRCH);
	CU_ASSERT_EQUAL(spool_sessions_hold_pid(rig->sessions, HOLDER, SHELL, &uid), -EXDEV);
	CU_ASSERT_EQUAL(rig->life.handles_open, open + 1); /* of why: the caller's file */
	rig_free(rig);
}

static void test_list(void)
{
	struct session_rig *rig = set_up(100);
	struct spool_session_info info = {.id = 0};
	unsigned int n = 0;

	rig->fault.clock.tv_sec = 12345;
	rig_make(rig, SHELL, ALICE, 0);
	begin_directory(rig, HOLDER);
	while (spool_sessions_next(rig->sessions, info.id, &info) == 0) {
		n++;
		CU_ASSERT_EQUAL(info.since, 12345);
		CU_ASSERT_EQUAL(info.owner, ALICE);
		CU_ASSERT_EQUAL(info.is_explicit, info.kind == SPOOL_SESSION_DIRECTORY);
	}
	CU_ASSERT_EQUAL(n, 2);
	rig_free(rig);
}

static void test_limit(void)
{
	struct spool_session_binding binding = {.kind = SPOOL_SESSION_DIRECTORY, .owner = ALICE};
	struct session_rig *rig = set_up(100);
	uint64_t first = begin(rig, &binding), id;

	for (unsigned int i = 1; i < SPOOL_SESSION_EXPLICIT_MAX; i++)
		begin(rig, &binding);
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EDQUOT);
	binding.owner = BOB;
	begin(rig, &binding);
	binding.owner = ALICE;
	CU_ASSERT_EQUAL(spool_session_end(rig->sessions, first, ALICE, false), 0);
	begin(rig, &binding);
	CU_ASSERT_EQUAL(spool_session_begin(rig->sessions, &binding, &id), -EDQUOT);
	rig_free(rig);
}

static void test_pids(void)
{
	static const struct {
		const char *text;
		pid_t tgid; /* 0: it is not told */
		unsigned int levels;
	} texts[] = {
		{"Name:\tx\nTgid:\t7\nNSpid:\t8\nNSpgid:\t1\n", 7, 1},
		{"Name:\tx\nTgid:\t7\nNSpid:\t8\t1\t5\nNSpgid:\t1\n", 7, 3},
		{"Name:\tx\nTgid:\t7\nNSpid:\n9\n", 7, 0},
		{"Name:\tx\nTgid:\t7\n", 7, 0},
		{"Name:\tTgid: 5\nNSpid:\t8\n", 0, 1},
		{"", 0, 0},
	};
	unsigned int levels;
	pid_t tgid;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = spool_process_parse_tgid(texts[i].text, &tgid);

		CU_ASSERT_EQUAL(r, texts[i].tgid ? 0 : -EINVAL);
		CU_ASSERT_TRUE(r < 0 || tgid == texts[i].tgid);
		r = spool_process_parse_levels(texts[i].text, &levels);
		CU_ASSERT_EQUAL(r, texts[i].levels ? 0 : -EINVAL);
		CU_ASSERT_TRUE(r < 0 || levels == texts[i].levels);
	}
}

/* Their list comes before the numbers that a thread has in pid namespaces. */
static void test_many_groups(void)
{
	struct session_rig *rig = set_up(100);
	uid_t uid = 0;

	fake_find(&rig->life, SHELL)->has_many_groups = true;
	fake_find(&rig->life, HOLDER)->has_many_groups = true;
	CU_ASSERT_EQUAL(spool_sessions_check_pid(rig->sessions, SHELL, HOLDER, &uid), 0);
	CU_ASSERT_EQUAL(uid, ALICE);
	fault_host_arm(&rig->fault, 1, false);
	CU_ASSERT_EQUAL(spool_sessions_check_pid(rig->sessions, SHELL, HOLDER, &uid), -EXDEV);
	fault_host_arm(&rig->fault, 0, false);
	rig_free(rig);
}

static const struct unit_test tests[] = {
	{"login_is_covered", test_login_is_covered},
	{"cgroup_is_covered", test_cgroup_is_covered},
	{"nothing_for_others", test_nothing_for_others},
	{"directory_is_covered", test_directory_is_covered},
	{"undone", test_undone},
	{"who_may_end", test_who_may_end},
	{"bad_bindings", test_bad_bindings},
	{"holder", test_holder},
	{"why", test_why},
	{"why_of_a_number", test_why_of_a_number},
	{"list", test_list},
	{"limit", test_limit},
	{"pids", test_pids},
	{"many_groups", test_many_groups},
};

int main(void)
{
	return unit_run("sessions_explicit", tests, sizeof(tests) / sizeof(tests[0]));
}
