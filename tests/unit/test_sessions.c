/* SPDX-License-Identifier: MIT */

/* Sessions of every kind, and their ends. An end is always tried with its twin: one process that
 * still belongs to it. */

#include <errno.h>
#include <string.h>

#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, JOB = 200 };

/* A look that finds the members of a new session. */
#define FOUND 1000u

/*
 * The shell of a login makes a file and ends; @twin, if not NULL, has started before something that
 * goes on as number JOB. The session is over when that has ended as well, and not before.
 */
static void end_of(enum spool_session_mode mode, uint32_t audit,
		   void (*twin)(struct session_rig *rig))
{
	struct session_rig *rig = rig_new(mode, 100);
	struct fake_process *shell = fake_start(&rig->life, SHELL, ALICE, audit, SHELL);
	uint64_t id;

	snprintf(shell->cgroup, sizeof(shell->cgroup), "/user/scope");
	if (twin)
		twin(rig);
	id = rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig_ended(rig, id), !twin);
	if (twin) {
		CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
		fake_end(&rig->life, JOB);
		rig_pass(rig, RIG_LONG);
		CU_ASSERT_TRUE(rig_ended(rig, id));
	}
	CU_ASSERT_EQUAL(rig->n_ended, 1);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_OVER);
	spool_sessions_put(rig->sessions, id, 1);
	CU_ASSERT_EQUAL(rig_state(rig, id), -1);
	rig_free(rig);
}

static void with_child(struct session_rig *rig)
{
	struct fake_process *job = fake_start(&rig->life, JOB, ALICE, 7, SHELL);

	snprintf(job->cgroup, sizeof(job->cgroup), "/user/scope");
}

/* setsid(1) and nohup(1) change nothing but the POSIX session. */
static void with_setsid(struct session_rig *rig)
{
	fake_start(&rig->life, JOB, ALICE, 7, JOB);
}

static void with_sudo(struct session_rig *rig)
{
	fake_start(&rig->life, JOB, 0, 7, JOB);
}

static void with_other_uid(struct session_rig *rig)
{
	fake_start(&rig->life, JOB, BOB, 7, JOB);
}

/* The first thread has ended, others have not. */
static void with_threads(struct session_rig *rig)
{
	struct fake_process *job = fake_start(&rig->life, JOB, ALICE, 7, SHELL);

	job->zombie = true;
	job->threads = 3;
}

static void test_login(void)
{
	end_of(SPOOL_SESSION_BY_LOGIN, 7, NULL);
	end_of(SPOOL_SESSION_BY_LOGIN, 7, with_child);
	end_of(SPOOL_SESSION_BY_LOGIN, 7, with_setsid);
	end_of(SPOOL_SESSION_BY_LOGIN, 7, with_sudo);
	end_of(SPOOL_SESSION_BY_LOGIN, 7, with_other_uid);
	end_of(SPOOL_SESSION_BY_LOGIN, 7, with_threads);
	end_of(SPOOL_SESSION_AUTO, 7, NULL);
	end_of(SPOOL_SESSION_AUTO, 7, with_sudo);
}

static void with_second_login(struct session_rig *rig)
{
	fake_start(&rig->life, JOB, ALICE, 8, JOB);
}

static void with_setuid_program(struct session_rig *rig)
{
	fake_start(&rig->life, JOB, BOB, 9, JOB)->uids[2] = ALICE;
}

static void test_uid(void)
{
	end_of(SPOOL_SESSION_BY_UID, 7, NULL);
	end_of(SPOOL_SESSION_BY_UID, 7, with_second_login);
	end_of(SPOOL_SESSION_BY_UID, 7, with_setuid_program);
	end_of(SPOOL_SESSION_AUTO, FAKE_UNSET, NULL);
	end_of(SPOOL_SESSION_AUTO, FAKE_UNSET, with_second_login);
}

static void test_sid(void)
{
	end_of(SPOOL_SESSION_BY_SID, 7, NULL);
	end_of(SPOOL_SESSION_BY_SID, 7, with_child);
}

static void with_child_cgroup(struct session_rig *rig)
{
	struct fake_process *job = fake_start(&rig->life, JOB, BOB, 9, JOB);

	snprintf(job->cgroup, sizeof(job->cgroup), "/user/scope/below");
}

static void test_cgroup(void)
{
	end_of(SPOOL_SESSION_BY_CGROUP, 7, NULL);
	end_of(SPOOL_SESSION_BY_CGROUP, 7, with_child);
	end_of(SPOOL_SESSION_BY_CGROUP, 7, with_child_cgroup);
}

/* A name that is longer is another cgroup; version 1 is looked for as well, and has no events. */
static void test_cgroup_v1(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_CGROUP, 100);
	struct fake_process *shell = fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	struct fake_process *job;
	uint64_t id;

	snprintf(shell->v1, sizeof(shell->v1), "/job/1");
	job = fake_start(&rig->life, JOB, ALICE, 7, SHELL);
	snprintf(job->v1, sizeof(job->v1), "/job/1/a");
	job = fake_start(&rig->life, JOB + 1, ALICE, 7, SHELL);
	snprintf(job->v1, sizeof(job->v1), "/job/12");
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	fake_end(&rig->life, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	CU_ASSERT_EQUAL(rig_make(rig, 1, 0, 0), SPOOL_SESSION_NONE);
	rig_free(rig);
}

/* Entries that have the session of their directory count as others do: it is over for them. */
static void test_entries_of_a_directory(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	struct spool_session_info info;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	spool_sessions_add(rig->sessions, id, 2);
	spool_sessions_add(rig->sessions, id + 1, 2);
	spool_sessions_add(rig->sessions, SPOOL_SESSION_NONE, 2);
	spool_sessions_put(rig->sessions, id, 1);
	CU_ASSERT_EQUAL(spool_sessions_info(rig->sessions, id, &info), 0);
	CU_ASSERT_EQUAL(info.entries, 2);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	spool_sessions_put(rig->sessions, id, 2);
	CU_ASSERT_EQUAL(spool_sessions_info(rig->sessions, id, &info), -ENOENT);
	rig_free(rig);
}

/* What has only not been waited for is no member. */
static void test_zombie_is_no_member(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB, ALICE, 7, SHELL)->zombie = true;
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

static void test_who_has_none(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);

	fake_start(&rig->life, SHELL, 999, FAKE_UNSET, SHELL);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, 999, 0), SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, 0, 0), SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, 65534, 0), SPOOL_SESSION_NONE);
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, 1000, 0), SPOOL_SESSION_NONE);
	spool_sessions_set(rig->sessions, SPOOL_SESSION_BY_LOGIN, 10000);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, 1000, 0), SPOOL_SESSION_NONE);
	spool_sessions_set(rig->sessions, SPOOL_SESSION_BY_NONE, 10000);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, 1000, 0), SPOOL_SESSION_NONE);
	rig_free(rig);
}

/* Not a moment before the grace is over, and from the beginning when the user has come back. */
static void test_grace(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, 9900);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_LEAVING);
	fake_start(&rig->life, JOB, ALICE, FAKE_UNSET, JOB);
	rig_pass(rig, 9900);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, JOB);
	rig_pass(rig, 9900);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	rig_pass(rig, 200);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* The looks that others bring about are too early for who waits for his grace to be over. */
static void test_grace_while_others_end(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t hers, his;

	fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
	hers = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, FOUND);
	CU_ASSERT_EQUAL(rig_state(rig, hers), SPOOL_SESSION_LEAVING);
	for (uint32_t login = 1; login <= 4; login++) {
		fake_start(&rig->life, JOB, BOB, login, JOB);
		his = rig_make(rig, JOB, BOB, 0);
		rig_pass(rig, FOUND);
		fake_end(&rig->life, JOB);
		rig_pass(rig, FOUND);
		CU_ASSERT_TRUE(rig_ended(rig, his));
		CU_ASSERT_EQUAL(rig_state(rig, hers), SPOOL_SESSION_LEAVING);
	}
	rig_pass(rig, 10000);
	CU_ASSERT_TRUE(rig_ended(rig, hers));
	rig_free(rig);
}

/* Each has sessions of his own, also where what holds them together is the same. */
static void test_owners(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	struct spool_creator creator = {.tid = SHELL, .uid = ALICE, .owner = ALICE};
	uint64_t hers, his;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	hers = rig_make(rig, SHELL, ALICE, 0);
	creator.owner = BOB;
	his = spool_sessions_of(rig->sessions, &creator);
	CU_ASSERT_NOT_EQUAL(hers, his);
	spool_sessions_done(rig->sessions, his, true);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), hers);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, hers));
	CU_ASSERT_TRUE(rig_ended(rig, his));
	rig_free(rig);
}

/* A login that begins under the feet of a process that has made files before. */
static void test_audit_session_changes(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	struct fake_process *shell = fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	uint64_t before = rig_make(rig, SHELL, ALICE, 0);

	shell->audit = 8;
	CU_ASSERT_NOT_EQUAL(rig_make(rig, SHELL, ALICE, 0), before);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->n_ended, 1);
	CU_ASSERT_TRUE(rig_ended(rig, before));
	rig_free(rig);
}

/* From outside the pid namespace, or what cannot be read: as the directory. */
static void test_unknown_caller(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_EQUAL(rig_make(rig, 0, ALICE, id), id);
	CU_ASSERT_EQUAL(rig_make(rig, 12345, ALICE, id), id);
	CU_ASSERT_EQUAL(rig_make(rig, 0, ALICE, 0), SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(rig_make(rig, 0, BOB, id), SPOOL_SESSION_NONE);
	rig->life.open_error = -EMFILE;
	fake_start(&rig->life, JOB, ALICE, 9, JOB);
	CU_ASSERT_EQUAL(rig_make(rig, JOB, ALICE, id), id);
	rig->life.open_error = 0;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	/* over: what is made there now is in none */
	CU_ASSERT_EQUAL(rig_make(rig, 0, ALICE, id), SPOOL_SESSION_NONE);
	rig_free(rig);
}

/* A process in another pid namespace has a number here, and its audit session. */
static void test_other_pid_namespace(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB, ALICE, 7, 0); /* its POSIX session has no number here */
	id = rig_make(rig, JOB, ALICE, 0);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	fake_end(&rig->life, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

static void test_kernel_without_audit(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	rig->life.system.no_audit = true;
	fake_start(&rig->life, SHELL, ALICE, FAKE_UNSET, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* After its end a session of the same name is another one. */
static void test_ids_are_not_used_again(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t first, second;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	first = rig_make(rig, SHELL, ALICE, 0);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, first));
	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	second = rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(first, second);
	spool_sessions_put(rig->sessions, first, 1);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), second);
	rig_free(rig);
}

/* Whose files have all gone is nobody to look for. */
static void test_no_files_no_look(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	unsigned long lists;
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	spool_sessions_put(rig->sessions, id, 1);
	CU_ASSERT_EQUAL(rig_make(rig, SHELL, ALICE, 0), id);
	spool_sessions_put(rig->sessions, id, 1);
	lists = rig->life.lists;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_EQUAL(rig->life.lists, lists);
	CU_ASSERT_EQUAL(rig->n_ended, 0);
	CU_ASSERT_EQUAL(rig_state(rig, id), -1);
	rig_free(rig);
}

/* Where a security module refuses the call. */
static void test_sid_by_its_file(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_SID, 100);
	uint64_t id;

	rig->life.sid_error = -EPERM;
	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	fake_start(&rig->life, JOB, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	rig_pass(rig, FOUND);
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	fake_end(&rig->life, JOB);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	spool_sessions_put(rig->sessions, id, 1);
	rig_free(rig);
}

/* Most processes are in POSIX sessions that nobody waits for. */
static void test_sid_opens_no_files(void)
{
	enum { OTHERS = 100 };
	struct session_rig *rig = rig_new(SPOOL_SESSION_BY_SID, 100);
	unsigned long opens;
	uint64_t id;

	for (int i = 0; i < OTHERS; i++)
		fake_start(&rig->life, JOB + i, BOB, 8, JOB + i);
	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	opens = rig->life.opens;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	CU_ASSERT_TRUE(rig->life.opens - opens < OTHERS);
	spool_sessions_put(rig->sessions, id, 1);
	rig_free(rig);
}

static const struct unit_test tests[] = {
	{"login", test_login},
	{"uid", test_uid},
	{"sid", test_sid},
	{"sid_by_its_file", test_sid_by_its_file},
	{"sid_opens_no_files", test_sid_opens_no_files},
	{"cgroup", test_cgroup},
	{"cgroup_v1", test_cgroup_v1},
	{"entries_of_a_directory", test_entries_of_a_directory},
	{"zombie_is_no_member", test_zombie_is_no_member},
	{"who_has_none", test_who_has_none},
	{"grace", test_grace},
	{"grace_while_others_end", test_grace_while_others_end},
	{"owners", test_owners},
	{"audit_session_changes", test_audit_session_changes},
	{"unknown_caller", test_unknown_caller},
	{"other_pid_namespace", test_other_pid_namespace},
	{"kernel_without_audit", test_kernel_without_audit},
	{"ids_are_not_used_again", test_ids_are_not_used_again},
	{"no_files_no_look", test_no_files_no_look},
};

int main(void)
{
	return unit_run("sessions", tests, sizeof(tests) / sizeof(tests[0]));
}
