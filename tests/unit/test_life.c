/* SPDX-License-Identifier: MIT */

/* Sessions of real processes: logins, uids, cgroups and holders that end, and what keeps each of
 * them from it; the same in the worker's sandbox. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "background/sessions.h"
#include "host/procfs.h"
#include "security/sandbox.h"
#include "unit.h"

/* Processes of these uids are the test's own. */
enum { ALICE = 54321, BOB = 54322, GRACE_MS = 50 };

struct rig {
	struct spool_life *life;
	struct spool_sessions *sessions;
	_Atomic uint64_t ended;
};

static void on_ended(void *ctx, uint64_t id)
{
	struct rig *rig = ctx;

	atomic_store(&rig->ended, id);
}

static bool set_up(struct rig *rig, enum spool_session_mode mode, unsigned int max_watches)
{
	const struct spool_life_config config = {.mode = mode,
						 .grace_ms = GRACE_MS,
						 .max_watches = max_watches,
						 .ended = on_ended,
						 .ctx = rig};

	rig->ended = SPOOL_SESSION_NONE;
	if (spool_life_new(&config, &rig->life) < 0)
		return false;
	rig->sessions = spool_life_sessions(rig->life);
	return true;
}

static void tear_down(struct rig *rig)
{
	spool_life_stop(rig->life);
	spool_life_free(rig->life);
}

/* Return: false when it has not become so in ten minutes: for a machine that does much else. */
static bool wait_until(bool (*is)(struct rig *rig, uint64_t arg), struct rig *rig, uint64_t arg)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < 600000; i++) {
		if (is(rig, arg))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool has_ended(struct rig *rig, uint64_t id)
{
	return atomic_load(&rig->ended) == id;
}

static bool is_watched(struct rig *rig, uint64_t id)
{
	struct spool_session_info info;

	return spool_sessions_info(rig->sessions, id, &info) == 0 &&
	       info.state == SPOOL_SESSION_WATCHED;
}

/* Is this one process watched? There is one session. */
static bool is_member(struct rig *rig, uint64_t pid)
{
	struct spool_session_info info;

	return spool_sessions_next(rig->sessions, 0, &info) == 0 &&
	       info.state == SPOOL_SESSION_WATCHED && (uint64_t)info.member == pid;
}

/* A login: an audit session of its own. Who has none yet may make himself one. */
static bool log_in(void)
{
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, "54321", 5) == 5;

	close(fd);
	return ok;
}

struct family {
	pid_t shell, job; /* job: 0 = none */
};

static _Noreturn void wait_for_death(void)
{
	for (;;)
		pause();
}

/* The next child is the first process of another pid namespace. */
static bool leave_namespace(void)
{
	return unshare(CLONE_NEWPID) == 0;
}

static pid_t start_job(bool (*leave)(void))
{
	bool before = leave == leave_namespace;
	int ready[2];
	char byte;
	pid_t job;

	if (pipe(ready) < 0 || (before && !leave()))
		_exit(1);
	job = fork();
	if (job == 0) {
		if ((!before && !leave()) || write(ready[1], "r", 1) != 1)
			_exit(1);
		wait_for_death();
	}
	close(ready[1]);
	if (job < 0 || read(ready[0], &byte, 1) != 1)
		_exit(1);
	return job;
}

/*
 * A process that does @be, and a child of it that does @leave, if there is that. Both wait to be
 * killed. Return: false: what they are to be cannot be had here.
 */
static bool start(struct family *ret, bool (*be)(void), bool (*leave)(void))
{
	int ready[2];

	if (pipe(ready) < 0)
		return false;
	*ret = (struct family){.shell = fork()};
	if (ret->shell == 0) {
		pid_t job;

		if (!be())
			_exit(1);
		job = leave ? start_job(leave) : 0;
		if (write(ready[1], &job, sizeof(job)) != sizeof(job))
			_exit(1);
		wait_for_death();
	}
	close(ready[1]);
	if (read(ready[0], &ret->job, sizeof(ret->job)) == sizeof(ret->job)) {
		close(ready[0]);
		return true;
	}
	close(ready[0]);
	waitpid(ret->shell, NULL, 0);
	return false;
}

static void end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static uint64_t make(struct rig *rig, pid_t tid)
{
	const struct spool_creator creator = {.tid = tid, .uid = ALICE, .owner = ALICE};
	uint64_t id = spool_sessions_of(rig->sessions, &creator);

	spool_sessions_done(rig->sessions, id, true);
	return id;
}

static void end_of(enum spool_session_mode mode, bool (*be)(void), bool (*leave)(void))
{
	struct family family;
	struct rig rig;
	uint64_t id;

	if (!start(&family, be, leave)) {
		CU_PASS("such a process cannot be had here");
		return;
	}
	CU_ASSERT_TRUE_FATAL(set_up(&rig, mode, 100));
	id = make(&rig, family.shell);
	CU_ASSERT_NOT_EQUAL(id, SPOOL_SESSION_NONE);
	CU_ASSERT_EQUAL(spool_life_start(rig.life), 0);
	CU_ASSERT_TRUE(wait_until(is_watched, &rig, id));
	end(&family.shell);
	if (family.job) {
		pid_t job = family.job;

		if (mode != SPOOL_SESSION_BY_CGROUP)
			CU_ASSERT_TRUE(wait_until(is_member, &rig, (uint64_t)job));
		CU_ASSERT_EQUAL(rig.ended, SPOOL_SESSION_NONE);
		end(&family.job);
	}
	CU_ASSERT_TRUE(wait_until(has_ended, &rig, id));
	tear_down(&rig);
}

static bool nothing(void)
{
	return true;
}

static bool leave_session(void)
{
	return setsid() >= 0;
}

static bool become_bob(void)
{
	return setuid(BOB) == 0;
}

/* Who changes his uid is not shown to that uid, until he runs a program. */
static bool become_alice(void)
{
	return setuid(ALICE) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

static void test_login(void)
{
	end_of(SPOOL_SESSION_BY_LOGIN, log_in, NULL);
	end_of(SPOOL_SESSION_BY_LOGIN, log_in, nothing);
	end_of(SPOOL_SESSION_BY_LOGIN, log_in, leave_session);
	end_of(SPOOL_SESSION_BY_LOGIN, log_in, become_bob);
	end_of(SPOOL_SESSION_BY_LOGIN, log_in, leave_namespace);
}

static void test_uid(void)
{
	end_of(SPOOL_SESSION_BY_UID, become_alice, NULL);
	end_of(SPOOL_SESSION_BY_UID, become_alice, nothing);
	end_of(SPOOL_SESSION_BY_UID, become_alice, leave_session);
}

static void test_sid(void)
{
	end_of(SPOOL_SESSION_BY_SID, leave_session, NULL);
	end_of(SPOOL_SESSION_BY_SID, leave_session, nothing);
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
	end_of(SPOOL_SESSION_BY_CGROUP, be_in_cgroup, nothing);
	CU_ASSERT_EQUAL(unlinkat(root, name, AT_REMOVEDIR), 0);
	close(root);
}

/* Two of them: each ends its own. */
static void test_holder(void)
{
	struct spool_session_binding binding = {.kind = SPOOL_SESSION_DIRECTORY, .owner = ALICE};
	struct family family, other;
	uint64_t id, second;
	struct rig rig;

	CU_ASSERT_TRUE_FATAL(start(&family, nothing, NULL));
	CU_ASSERT_TRUE_FATAL(start(&other, nothing, NULL));
	CU_ASSERT_TRUE_FATAL(set_up(&rig, SPOOL_SESSION_AUTO, 100));
	CU_ASSERT_EQUAL(spool_life_start(rig.life), 0);
	binding.holder = family.shell;
	CU_ASSERT_EQUAL(spool_session_begin(rig.sessions, &binding, &id), 0);
	binding.holder = other.shell;
	CU_ASSERT_EQUAL(spool_session_begin(rig.sessions, &binding, &second), 0);
	end(&family.shell);
	CU_ASSERT_TRUE(wait_until(has_ended, &rig, id));
	CU_ASSERT_TRUE(is_watched(&rig, second));
	end(&other.shell);
	CU_ASSERT_TRUE(wait_until(has_ended, &rig, second));
	tear_down(&rig);
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
	struct rig rig;
	uint64_t id;

	if (!set_up(&rig, mode, 100))
		return 2;
	needs.proc_fd = spool_life_proc(rig.life);
	needs.cgroup_fd = spool_life_cgroup(rig.life);
	if (spool_sandbox_enter(&needs, &sandbox) < 0)
		return 3;
	if (spool_life_start(rig.life) < 0)
		return 4;
	if (shows_secrets(needs.proc_fd))
		return 9;
	id = make(&rig, shell);
	if (id == SPOOL_SESSION_NONE)
		return 5;
	if (!wait_until(is_watched, &rig, id))
		return 6;
	if (write(said, "w", 1) != 1)
		return 7;
	if (!wait_until(has_ended, &rig, id))
		return 8;
	tear_down(&rig);
	return 0;
}

static void end_in_sandbox(enum spool_session_mode mode, bool (*be)(void), bool (*before)(void))
{
	struct family family;
	int said[2], status;
	pid_t worker;
	char byte;

	if (!start(&family, be, nothing)) {
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
	end(&family.shell);
	CU_ASSERT_EQUAL(waitpid(worker, &status, WNOHANG), 0);
	end(&family.job);
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
	end_in_sandbox(SPOOL_SESSION_BY_LOGIN, log_in, nothing);
	end_in_sandbox(SPOOL_SESSION_BY_UID, become_alice, nothing);
	end_in_sandbox(SPOOL_SESSION_BY_SID, leave_session, nothing);
	if (geteuid() == 0)
		end_in_sandbox(SPOOL_SESSION_BY_UID, become_alice, hide);
}

/* Return: an exit status; 0: all as it should be. We are the first process of a pid namespace, and
 * /proc shows the one above. */
static int in_namespace(bool is_root)
{
	struct family family;
	struct rig rig;
	uint64_t id;

	if (!start(&family, become_alice, nothing))
		return 2;
	if (!is_root && !become_bob())
		return 3;
	if (!set_up(&rig, SPOOL_SESSION_BY_UID, 100) || spool_life_start(rig.life) < 0)
		return 4;
	id = make(&rig, family.shell);
	if (!is_root)
		return id == SPOOL_SESSION_NONE && spool_life_proc(rig.life) < 0 ? 0 : 5;
	if (id == SPOOL_SESSION_NONE || !wait_until(is_watched, &rig, id))
		return 6;
	end(&family.shell);
	if (!wait_until(is_member, &rig, (uint64_t)family.job))
		return 7;
	end(&family.job);
	if (!wait_until(has_ended, &rig, id))
		return 8;
	tear_down(&rig);
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
	struct rig rig;
	uint64_t id;
	char byte;

	if (!hide() || setuid(ALICE) < 0)
		return 77;
	if (!set_up(&rig, SPOOL_SESSION_BY_UID, 100) || spool_life_start(rig.life) < 0)
		return 2;
	id = make(&rig, shell);
	if (id == SPOOL_SESSION_NONE || write(made, "m", 1) != 1 || read(killed, &byte, 1) != 1)
		return 3;
	nanosleep(&while_it_would_end, NULL);
	if (atomic_load(&rig.ended) || spool_sessions_info(rig.sessions, id, &info) < 0)
		return 4;
	tear_down(&rig);
	return 0;
}

/* We see nobody else; that does not mean that there is nobody. */
static void test_hidden_is_not_gone(void)
{
	int made[2], killed[2], status = -1;
	struct family family;
	pid_t child;
	char byte;

	if (!start(&family, become_alice, NULL)) {
		CU_PASS("not root");
		return;
	}
	CU_ASSERT_TRUE_FATAL(pipe(made) == 0 && pipe(killed) == 0);
	child = fork();
	if (child == 0)
		_exit(when_hidden(family.shell, made[1], killed[0]));
	close(made[1]);
	if (read(made[0], &byte, 1) == 1) {
		end(&family.shell);
		CU_ASSERT_EQUAL(write(killed[1], "k", 1), 1);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(status == 0 || WEXITSTATUS(status) == 77);
	end(&family.shell);
	close(made[0]);
	close(killed[0]);
	close(killed[1]);
}

static const struct unit_test tests[] = {
	{"login", test_login},
	{"uid", test_uid},
	{"sid", test_sid},
	{"cgroup", test_cgroup},
	{"holder", test_holder},
	{"sandbox", test_sandbox},
	{"inside_a_pid_namespace", test_inside_a_pid_namespace},
	{"hidden_is_not_gone", test_hidden_is_not_gone},
};

int main(void)
{
	/* what our children leave behind is ours, and is reaped */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return unit_run("life", tests, sizeof(tests) / sizeof(tests[0]));
}
