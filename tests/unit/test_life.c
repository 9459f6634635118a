/* SPDX-License-Identifier: MIT */

/* Sessions of real processes: logins, uids, cgroups and holders that end, and what keeps each of
 * them from it. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/procfs.h"
#include "process_rig.h"

static uid_t alice, bob; /* processes of these are the test's own */

static bool become_bob(void)
{
	return setuid(bob) == 0;
}

/* Who changes his uid is not shown to that uid, until he runs a program. */
static bool become_alice(void)
{
	return setuid(alice) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

static void end_of(enum spool_session_mode mode, bool (*be)(void), bool (*leave)(void))
{
	struct family family;
	struct process_rig rig;
	uint64_t id;

	if (!rig_start(&family, be, leave)) {
		CU_PASS("such a process cannot be had here");
		return;
	}
	CU_ASSERT_TRUE_FATAL(rig_init(&rig, mode, 100));
	id = rig_make(&rig, family.shell, alice);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(spool_life_start(rig.life), 0);
	CU_ASSERT_TRUE(rig_wait(rig_is_watched, &rig, id));
	rig_end(&family.shell);
	if (family.job) {
		pid_t job = family.job;

		if (mode != SPOOL_SESSION_BY_CGROUP)
			CU_ASSERT_TRUE(rig_wait(rig_is_member, &rig, (uint64_t)job));
		CU_ASSERT_EQUAL(rig.ended, SPOOL_SESSION_NONE);
		rig_end(&family.job);
	}
	CU_ASSERT_TRUE(rig_wait(rig_has_ended, &rig, id));
	rig_fini(&rig);
}

static void test_login(void)
{
	end_of(SPOOL_SESSION_BY_LOGIN, rig_log_in, NULL);
	end_of(SPOOL_SESSION_BY_LOGIN, rig_log_in, rig_nothing);
	end_of(SPOOL_SESSION_BY_LOGIN, rig_log_in, rig_leave_session);
	end_of(SPOOL_SESSION_BY_LOGIN, rig_log_in, become_bob);
	end_of(SPOOL_SESSION_BY_LOGIN, rig_log_in, rig_leave_namespace);
}

static void test_uid(void)
{
	end_of(SPOOL_SESSION_BY_UID, become_alice, NULL);
	end_of(SPOOL_SESSION_BY_UID, become_alice, rig_nothing);
	end_of(SPOOL_SESSION_BY_UID, become_alice, rig_leave_session);
}

static void test_sid(void)
{
	end_of(SPOOL_SESSION_BY_SID, rig_leave_session, NULL);
	end_of(SPOOL_SESSION_BY_SID, rig_leave_session, rig_nothing);
}

static void enter_cgroup(int root, const char *name, bool *ret_ok)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	*ret_ok = fd >= 0 && write(fd, "0", 1) == 1;
	close(fd);
}

static bool be_in_cgroup(void)
{
	char name[32];
	int root = spool_cgroup2_open();
	bool ok = false;

	snprintf(name, sizeof(name), "spoolfs-unit-%d", getppid());
	if (root >= 0)
		enter_cgroup(root, name, &ok);
	close(root);
	return ok;
}

static void test_cgroup(void)
{
	char name[32];
	int root = spool_cgroup2_open();

	snprintf(name, sizeof(name), "spoolfs-unit-%d", getpid());
	if (root < 0 || mkdirat(root, name, 0755) < 0) {
		CU_PASS("no cgroup2 that can be written to");
		return;
	}
	end_of(SPOOL_SESSION_BY_CGROUP, be_in_cgroup, NULL);
	end_of(SPOOL_SESSION_BY_CGROUP, be_in_cgroup, rig_nothing);
	CU_ASSERT_EQUAL(unlinkat(root, name, AT_REMOVEDIR), 0);
	close(root);
}

/* Two of them: each ends its own. */
static void test_holder(void)
{
	struct spool_session_binding binding = {.kind = SPOOL_SESSION_DIRECTORY, .owner = alice};
	struct family family, other;
	uint64_t id, second;
	struct process_rig rig;

	CU_ASSERT_TRUE_FATAL(rig_start(&family, rig_nothing, NULL));
	CU_ASSERT_TRUE_FATAL(rig_start(&other, rig_nothing, NULL));
	CU_ASSERT_TRUE_FATAL(rig_init(&rig, SPOOL_SESSION_AUTO, 100));
	CU_ASSERT_EQUAL(spool_life_start(rig.life), 0);
	binding.holder = family.shell;
	CU_ASSERT_EQUAL(spool_session_begin(rig.sessions, &binding, &id), 0);
	binding.holder = other.shell;
	CU_ASSERT_EQUAL(spool_session_begin(rig.sessions, &binding, &second), 0);
	rig_end(&family.shell);
	CU_ASSERT_TRUE(rig_wait(rig_has_ended, &rig, id));
	CU_ASSERT_TRUE(rig_is_watched(&rig, second));
	rig_end(&other.shell);
	CU_ASSERT_TRUE(rig_wait(rig_has_ended, &rig, second));
	rig_fini(&rig);
}

static const struct unit_test tests[] = {
	{"login", test_login},   {"uid", test_uid},       {"sid", test_sid},
	{"cgroup", test_cgroup}, {"holder", test_holder},
};

int main(void)
{
	alice = rig_uid();
	bob = rig_uid();
	/* what our children leave behind is ours, and is reaped */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return unit_run("life", tests, sizeof(tests) / sizeof(tests[0]));
}
