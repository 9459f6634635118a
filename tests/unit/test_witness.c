/* SPDX-License-Identifier: MIT */

/* The process that looks at others: whom it takes for an administrator, what it may do itself, and
 * that nobody waits for ever when it does not answer. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "security/privileges.h"
#include "security/subuid.h"
#include "unit.h"
#include "security/witness.h"
#include "util/macros.h"

/* A limit of time for answers: none, as a busy machine may take any. */
#define FOR_EVER (-1)

static char subuids[] = "/tmp/spool-witness-XXXXXX";

/* A process that has done @prepare and then waits. Return: its pid; 0 when that could not be done.
 */
static pid_t start_process(bool (*prepare)(void))
{
	int fds[2];
	char ok = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		if (!prepare() || write(fds[1], "k", 1) != 1)
			_exit(1);
		close(fds[1]);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], &ok, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(fds[0]);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool nothing(void)
{
	return true;
}

static bool drop_all(void)
{
	return spool_privileges_drop(0) == 0;
}

/* With all capabilities, but in a namespace of its own. */
static bool enter_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool are_we_admin(void)
{
	char names[1024];

	spool_privileges_names(names, sizeof(names));
	return strstr(names, "sys_admin") != NULL;
}

static bool is_admin(struct spool_witness *witness, bool (*prepare)(void))
{
	pid_t pid = start_process(prepare);
	bool yes;

	if (pid == 0)
		return false;
	yes = spool_witness_is_admin(witness, pid);
	end_process(pid);
	return yes;
}

static void administrators(void)
{
	struct spool_witness *witness;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	CU_ASSERT_EQUAL(spool_witness_is_admin(witness, getpid()), are_we_admin());
	CU_ASSERT_EQUAL(is_admin(witness, nothing), are_we_admin());
	CU_ASSERT_FALSE(is_admin(witness, drop_all));
	CU_ASSERT_FALSE(is_admin(witness, enter_user_namespace));
	CU_ASSERT_FALSE(spool_witness_is_admin(witness, 0));
	CU_ASSERT_FALSE(spool_witness_is_admin(witness, -1));
	CU_ASSERT_FALSE(spool_witness_is_admin(witness, 1 << 30));
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
	CU_ASSERT_FALSE(spool_witness_is_admin(NULL, getpid()));
	spool_witness_free(NULL);
}

static bool has_over(struct spool_witness *witness, bool (*prepare)(void), uid_t uid, gid_t gid)
{
	pid_t pid = start_process(prepare);
	bool yes;

	if (pid == 0)
		return false;
	yes = spool_witness_has_over(witness, pid, CAP_DAC_OVERRIDE, uid, gid);
	end_process(pid);
	return yes;
}

static bool map_id(const char *path, unsigned int id)
{
	FILE *file = fopen(path, "w");
	bool ok = file && fprintf(file, "0 %u 1", id) > 0;

	return file && fclose(file) == 0 && ok;
}

/* As unshare -r. */
static bool enter_with_one_number(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	FILE *file;

	if (unshare(CLONE_NEWUSER) != 0)
		return false;
	file = fopen("/proc/self/setgroups", "w");
	if (file) {
		fputs("deny", file);
		fclose(file);
	}
	return map_id("/proc/self/uid_map", uid) && map_id("/proc/self/gid_map", gid);
}

/* Those of a user namespace hold over what has a number there. */
static void capabilities_over_inodes(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct spool_witness *witness;
	pid_t pid = start_process(enter_with_one_number);
	bool can = pid > 0;

	if (can)
		end_process(pid);
	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	CU_ASSERT_EQUAL(has_over(witness, nothing, uid + 1, gid + 1), are_we_admin());
	CU_ASSERT_FALSE(has_over(witness, drop_all, uid, gid));
	CU_ASSERT_FALSE(has_over(witness, enter_user_namespace, uid, gid));
	CU_ASSERT_EQUAL(has_over(witness, enter_with_one_number, uid, gid), can);
	CU_ASSERT_FALSE(has_over(witness, enter_with_one_number, uid + 1, gid));
	CU_ASSERT_FALSE(has_over(witness, enter_with_one_number, uid, gid + 1));
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

/* Our only child. */
static pid_t witness_pid(void)
{
	char path[64];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fscanf(file, "%d", &pid), 1);
	fclose(file);
	CU_ASSERT_TRUE_FATAL(pid > 0);
	return pid;
}

/* What stands after @name in /proc/@pid/status, read as a hexadecimal number. */
static unsigned long long status_of(pid_t pid, const char *name)
{
	unsigned long long value = ~0ULL;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	}
	if (file)
		fclose(file);
	return value;
}

static void it_has_one_capability(void)
{
	const unsigned long long ptrace = 1ULL << 19; /* CAP_SYS_PTRACE, linux/capability.h */
	struct spool_witness *witness;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	CU_ASSERT_EQUAL(spool_witness_is_admin(witness, getpid()), are_we_admin());
	pid = witness_pid();
	CU_ASSERT_EQUAL(status_of(pid, "CapPrm") & ~ptrace, 0);
	CU_ASSERT_EQUAL(status_of(pid, "CapEff") & ~ptrace, 0);
	CU_ASSERT_EQUAL(status_of(pid, "CapInh"), 0);
	CU_ASSERT_EQUAL(status_of(pid, "CapAmb"), 0);
	CU_ASSERT_EQUAL(status_of(pid, "NoNewPrivs"), 1);
	spool_witness_free(witness);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

/* Nobody but root and itself may look at it. */
static bool hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool is_daemon(struct spool_witness *witness, bool (*prepare)(void))
{
	pid_t pid = start_process(prepare);
	bool yes = pid > 0 && spool_witness_is_daemon(witness, pid);

	end_process(pid);
	return yes;
}

/* Another program, called as ours is. */
static pid_t start_other(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		execlp("sleep", "spoolfs", "1000", NULL);
		_exit(1);
	}
	close(fds[1]);
	CU_ASSERT_EQUAL(read(fds[0], &byte, 1), 0); /* it is that now */
	close(fds[0]);
	return pid;
}

/* What runs this program is, for this one. */
static void daemons(void)
{
	struct spool_witness *witness;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	CU_ASSERT_TRUE(spool_witness_is_daemon(witness, getpid()));
	CU_ASSERT_TRUE(is_daemon(witness, nothing));
	CU_ASSERT_TRUE(is_daemon(witness, hide));
	CU_ASSERT_FALSE(spool_witness_is_daemon(witness, 1));
	CU_ASSERT_FALSE(spool_witness_is_daemon(witness, 0));
	CU_ASSERT_FALSE(spool_witness_is_daemon(witness, -1));
	CU_ASSERT_FALSE(spool_witness_is_daemon(witness, 1 << 30));
	pid = start_other();
	CU_ASSERT_FALSE(spool_witness_is_daemon(witness, pid));
	end_process(pid);
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

#define INSIDE 23456 /* a uid */

static bool be_somebody(void)
{
	return setuid(INSIDE) == 0;
}

/* In a pid namespace of its own, with the /proc of ours, where somebody else has his number.
 * @blind: we may not mount a procfs. Return: 0: whose number it is is never mistaken. */
static int look_inside(bool blind)
{
	struct spool_witness *witness;
	pid_t pid = start_process(be_somebody);
	uid_t uid;

	if (blind && spool_privileges_drop(SPOOL_PRIVILEGE(CAP_SETUID)) < 0)
		return 1;
	if (pid <= 0 || spool_witness_start(subuids, -1, -1, FOR_EVER, &witness) < 0)
		return 2;
	uid = spool_witness_uid(witness, pid);
	if (uid != (blind ? (uid_t)-1 : INSIDE))
		return 3;
	if (spool_witness_is_admin(witness, pid) || spool_witness_has(witness, pid, CAP_FSETID))
		return 4;
	return spool_witness_is_daemon(witness, pid) == !blind ? 0 : 5;
}

static int in_pid_namespace(bool blind)
{
	int status = -1;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(0); /* not for ordinary users */
		pid = fork();
		if (pid == 0)
			_exit(look_inside(blind));
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

static void a_foreign_proc(void)
{
	CU_ASSERT_EQUAL(in_pid_namespace(false), 0);
	CU_ASSERT_EQUAL(in_pid_namespace(true), 0);
}

static struct spool_witness *stopped_witness(int answer_ms, pid_t *ret_pid)
{
	struct spool_witness *witness;
	int status;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, answer_ms, &witness), 0);
	*ret_pid = witness_pid();
	kill(*ret_pid, SIGSTOP);
	CU_ASSERT_EQUAL(waitpid(*ret_pid, &status, WUNTRACED), *ret_pid);
	return witness;
}

static void one_that_does_not_answer(void)
{
	pid_t pid;
	struct spool_witness *witness = stopped_witness(1, &pid);

	CU_ASSERT_FALSE(spool_witness_is_admin(witness, getpid()));
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, subuids, 1));
	CU_ASSERT_EQUAL(errno, ETIMEDOUT);
	end_process(pid);
	CU_ASSERT_FALSE(spool_witness_is_admin(witness, getpid()));
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, subuids, FOR_EVER));
	spool_witness_free(witness);
}

/* At the end of a mount nobody waits, as the mount would. */
static void nobody_waits_at_the_end(void)
{
	pid_t pid;
	struct spool_witness *witness = stopped_witness(FOR_EVER, &pid);

	spool_witness_stop(witness);
	CU_ASSERT_FALSE(spool_witness_is_admin(witness, getpid()));
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, subuids, FOR_EVER));
	end_process(pid);
	spool_witness_free(witness);
	spool_witness_stop(NULL);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"administrators", administrators},
		{"capabilities_over_inodes", capabilities_over_inodes},
		{"it has one capability", it_has_one_capability},
		{"daemons", daemons},
		{"a foreign proc", a_foreign_proc},
		{"one that does not answer", one_that_does_not_answer},
		{"nobody waits at the end", nobody_waits_at_the_end},
	};
	static const char text[] = "1000:100000:65536\nroot:165536:10\n";
	int r, fd = mkstemp(subuids);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return 1;
	close(fd);
	r = unit_run("witness", tests, sizeof(tests) / sizeof(tests[0]));
	unlink(subuids);
	return r;
}
