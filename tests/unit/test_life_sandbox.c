/* SPDX-License-Identifier: MIT */

/* Sessions of real processes in the worker's sandbox, in a pid namespace, and where /proc hides the
 * processes of others. */

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process_rig.h"
#include "security/sandbox.h"

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

/* What only a debugger may see of others, we may not. */
static bool shows_secrets(int proc)
{
	int fd = openat(proc, "1/environ", O_RDONLY | O_CLOEXEC);
	char byte;
	bool shows = fd >= 0 && read(fd, &byte, 1) >= 0;

	close(fd);
	return shows;
}

/* Return: an exit status: 0: all as it should be. @said: gets a byte when a member is watched. */
static int in_sandbox(pid_t shell, enum spool_session_mode mode, int said)
{
	static struct spool_sandbox sandbox;
	struct spool_sandbox_needs needs = {.backing_fd = -1};
	struct process_rig rig;
	uint64_t id;

	if (!rig_init(&rig, mode, 100))
		return 2;
	needs.proc_fd = spool_life_proc(rig.life);
	needs.cgroup_fd = spool_life_cgroup(rig.life);
	if (spool_sandbox_enter(&needs, &sandbox) < 0)
		return 3;
	if (spool_life_start(rig.life) < 0)
		return 4;
	if (shows_secrets(needs.proc_fd))
		return 9;
	id = rig_make(&rig, shell, alice);
	if (id == SPOOL_SESSION_NONE)
		return 5;
	if (!rig_wait(rig_is_watched, &rig, id))
		return 6;
	if (write(said, "w", 1) != 1)
		return 7;
	if (!rig_wait(rig_has_ended, &rig, id))
		return 8;
	rig_fini(&rig);
	return 0;
}

static void end_in_sandbox(enum spool_session_mode mode, bool (*be)(void), bool (*before)(void))
{
	struct family family;
	int said[2], status;
	pid_t worker;
	char byte;

	if (!rig_start(&family, be, rig_nothing)) {
		CU_PASS("such a process cannot be had here");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(pipe(said), 0);
	worker = fork();
	if (worker == 0)
		_exit(before() ? in_sandbox(family.shell, mode, said[1]) : 1);
	close(said[1]);
	CU_ASSERT_EQUAL(read(said[0], &byte, 1), 1);
	close(said[0]);
	rig_end(&family.shell);
	CU_ASSERT_EQUAL(waitpid(worker, &status, WNOHANG), 0);
	rig_end(&family.job);
	CU_ASSERT_EQUAL(waitpid(worker, &status, 0), worker);
	CU_ASSERT_EQUAL(status, 0);
}

/* A /proc that hides the processes of others. Return: false: it cannot be had. */
static bool hide(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("proc", "/proc", "proc", 0, "hidepid=2") == 0;
}

static void test_sandbox(void)
{
	end_in_sandbox(SPOOL_SESSION_BY_LOGIN, rig_log_in, rig_nothing);
	end_in_sandbox(SPOOL_SESSION_BY_UID, become_alice, rig_nothing);
	end_in_sandbox(SPOOL_SESSION_BY_SID, rig_leave_session, rig_nothing);
	if (geteuid() == 0)
		end_in_sandbox(SPOOL_SESSION_BY_UID, become_alice, hide);
}

/* Return: an exit status; 0: all as it should be. We are the first process of a pid namespace, and
 * /proc shows the one above. */
static int in_namespace(bool is_root)
{
	struct family family;
	struct process_rig rig;
	uint64_t id;

	if (!rig_start(&family, become_alice, rig_nothing))
		return 2;
	if (!is_root && !become_bob())
		return 3;
	if (!rig_init(&rig, SPOOL_SESSION_BY_UID, 100) || spool_life_start(rig.life) < 0)
		return 4;
	id = rig_make(&rig, family.shell, alice);
	if (!is_root)
		return id == SPOOL_SESSION_NONE && spool_life_proc(rig.life) < 0 ? 0 : 5;
	if (id == SPOOL_SESSION_NONE || !rig_wait(rig_is_watched, &rig, id))
		return 6;
	rig_end(&family.shell);
	if (!rig_wait(rig_is_member, &rig, (uint64_t)family.job))
		return 7;
	rig_end(&family.job);
	if (!rig_wait(rig_has_ended, &rig, id))
		return 8;
	rig_fini(&rig);
	return 0;
}

static void from_namespace(bool is_root)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		child = fork();
		if (child == 0)
			_exit(in_namespace(is_root));
		_exit(waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 1);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(status == 0 || WEXITSTATUS(status) == 77);
}

/* Who may not mount a procfs knows nobody there, rather than somebody else with the same number. */
static void test_inside_a_pid_namespace(void)
{
	from_namespace(true);
	from_namespace(false);
}

/* Return: an exit status; 0: the session goes on, 77: /proc cannot be hidden. */
static int when_hidden(pid_t shell, int made, int killed)
{
	const struct timespec while_it_would_end = {.tv_nsec = 500000000};
	struct spool_session_info info;
	struct process_rig rig;
	uint64_t id;
	char byte;

	if (!hide() || setuid(alice) < 0)
		return 77;
	if (!rig_init(&rig, SPOOL_SESSION_BY_UID, 100) || spool_life_start(rig.life) < 0)
		return 2;
	id = rig_make(&rig, shell, alice);
	if (id == SPOOL_SESSION_NONE || write(made, "m", 1) != 1 || read(killed, &byte, 1) != 1)
		return 3;
	nanosleep(&while_it_would_end, NULL);
	if (atomic_load(&rig.ended) || spool_sessions_info(rig.sessions, id, &info) < 0)
		return 4;
	rig_fini(&rig);
	return 0;
}

/* We see nobody else; that does not mean that there is nobody. */
static void test_hidden_is_not_gone(void)
{
	int made[2], killed[2], status = -1;
	struct family family;
	pid_t child;
	char byte;

	if (!rig_start(&family, become_alice, NULL)) {
		CU_PASS("not root");
		return;
	}
	CU_ASSERT_TRUE_FATAL(pipe(made) == 0 && pipe(killed) == 0);
	child = fork();
	if (child == 0)
		_exit(when_hidden(family.shell, made[1], killed[0]));
	close(made[1]);
	if (read(made[0], &byte, 1) == 1) {
		rig_end(&family.shell);
		CU_ASSERT_EQUAL(write(killed[1], "k", 1), 1);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(status == 0 || WEXITSTATUS(status) == 77);
	rig_end(&family.shell);
	close(made[0]);
	close(killed[0]);
	close(killed[1]);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"sandbox", test_sandbox},
		{"inside_a_pid_namespace", test_inside_a_pid_namespace},
		{"hidden_is_not_gone", test_hidden_is_not_gone},
	};

	alice = rig_uid();
	bob = rig_uid();
	/* what our children leave behind is ours, and is reaped */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return unit_run("life_sandbox", tests, sizeof(tests) / sizeof(tests[0]));
}
