/* SPDX-License-Identifier: MIT */
#include "security/witness.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/procfs.h"
#include "security/daemons.h"
#include "security/privileges.h"
#include "security/subuid.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/proc.h"

/* Each question comes with the pipe for its answer. So answers cannot be mixed up, and each caller
 * waits for his own only. */

/* The size of a table at most, for 2^16 lines of subuid(5). A guess. */
#define TABLE_MAX ((size_t)1 << 20)

/* Processes that read accounts at the same time. One that asks for them waits before it asks again;
 * the worker, which may have been taken over, might go on asking. A guess. */
#define READERS 4u

enum kind { ASK_CALLER, ASK_OVER, ASK_GROUP, ASK_DAEMON, ASK_SUBUIDS };

struct question {
	int32_t kind;
	int32_t pid;
	uint32_t uid;     /* of ASK_OVER */
	uint32_t gid;     /* of ASK_GROUP, ASK_OVER */
	int32_t limit_ms; /* of ASK_SUBUIDS: the answer is waited for so long; < 0: for ever */
};

struct spool_witness {
	int socket;
	int stop; /* an eventfd that can be read when nobody is to wait any more */
	int answer_ms;
	pid_t pid;
};

/* The witness itself. @readers: pipes that end with those who read accounts; -1: none */
struct duty {
	int socket, lifeline;
	bool sees; /* it can look at processes; if not, nothing is known of them */
	const char *subuid_path;
	int readers[READERS];
};

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Has @id a number in the user namespace of process @pid, which is not ours? @map: "uid_map" ... */
static bool is_mapped(int pid, const char *map, uint32_t id)
{
	unsigned long long inside, outside, n;
	bool found = false;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%d/%s", pid, map);
	file = fopen(path, "re");
	while (file && !found && fscanf(file, "%llu %llu %llu", &inside, &outside, &n) == 3)
		found = id >= outside && id - outside < n;
	if (file)
		fclose(file);
	return found;
}

/* @over: the inode that he wants something of; NULL: it is not about one. */
static void answer_caller(int pid, const struct question *over, int answer)
{
	struct spool_proc_status caller;
	char path[64];

	snprintf(path, sizeof(path), "%d/status", pid);
	if (spool_proc_status(path, &caller) < 0)
		return;
	snprintf(path, sizeof(path), "%d/ns/user", pid);
	if (!same_file(path, "self/ns/user") && (!over || !is_mapped(pid, "uid_map", over->uid) ||
						 !is_mapped(pid, "gid_map", over->gid)))
		caller.caps = 0; /* they hold in his own namespace only */
	if (write(answer, &caller, sizeof(caller)) < 0)
		return; /* the worker does not wait any more */
}

static void answer_group(int pid, gid_t gid, int answer)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/status", pid);
	if (write(answer, spool_proc_in_group(path, gid) ? "y" : "n", 1) < 0)
		return; /* the worker does not wait any more */
}

static void answer_daemon(int pid, int answer)
{
	if (write(answer, spool_is_daemon(pid) ? "y" : "n", 1) < 0)
		return; /* the worker does not wait any more */
}

/* Return: where the next one who reads accounts is noted; NULL: there are too many. */
static int *find_reader(struct duty *duty)
{
	int *found = NULL;

	for (unsigned int i = 0; i < READERS; i++) {
		struct pollfd fd = {.fd = duty->readers[i]};

		if (fd.fd >= 0 && poll(&fd, 1, 0) == 1)
			duty->readers[i] = spool_close(fd.fd);
		if (duty->readers[i] < 0)
			found = &duty->readers[i];
	}
	return found;
}

/* In a process of its own: a server of accounts that hangs must not hold up other questions. The
 * process ends with the time limit or with the witness, so that such processes do not add up. */
static void answer_subuids(struct duty *duty, int limit_ms, int answer)
{
	int *reader = find_reader(duty), alive[2];
	spool_cleanup(free) struct spool_subuid_table *table = NULL;
	const char *at;
	size_t left;
	ssize_t n;
	int error;
	pid_t witness = getpid(), pid;

	if (!reader || pipe2(alive, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid != 0) {
		close(alive[1]);
		*reader = alive[0]; /* if there is nobody it has ended */
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != witness)
		_exit(0); /* it ended before that */
	if (limit_ms >= 0)
		alarm((unsigned int)limit_ms / 1000 + 1);
	table = spool_subuids_read(NULL, duty->subuid_path, limit_ms);
	error = errno;
	at = table ? (const char *)table : (const char *)&error;
	left = table ? spool_subuids_size(table) : sizeof(error);
	while (left > 0 && (n = write(answer, at, left)) > 0) {
		at += n;
		left -= (size_t)n;
	}
	_exit(0);
}

/* Return: false when the worker has ended. */
static bool take_question(struct duty *duty)
{
	struct question question;
	int answer = spool_take_descriptor(duty->socket, &question, sizeof(question));
	bool sees;

	if (answer < 0)
		return answer == -EBADMSG;
	sees = duty->sees && question.pid > 0;
	if (question.kind == ASK_CALLER && sees)
		answer_caller(question.pid, NULL, answer);
	else if (question.kind == ASK_OVER && sees)
		answer_caller(question.pid, &question, answer);
	else if (question.kind == ASK_GROUP && sees)
		answer_group(question.pid, question.gid, answer);
	else if (question.kind == ASK_DAEMON && sees)
		answer_daemon(question.pid, answer);
	else if (question.kind == ASK_SUBUIDS)
		answer_subuids(duty, question.limit_ms, answer);
	close(answer);
	return true;
}

/* Until there is a question. The socket does not end while a user holds a thread of the worker.
 * Return: false when the worker dies. */
static bool wait_for_question(const struct duty *duty)
{
	struct pollfd fds[] = {{.fd = duty->socket, .events = POLLIN}, {.fd = duty->lifeline}};

	while (poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	return !fds[1].revents;
}

/* The numbers that we are asked about are those of our own pid namespace. Where /proc shows another
 * one they would be others' there: of an ordinary user it would say that he is root. Return:
 * whether the current directory is a procfs with our numbers. */
static bool enter_procfs(void)
{
	enum spool_procfs kind;
	spool_cleanup(fd) int proc = spool_procfs_open(&kind);

	return proc >= 0 && fchdir(proc) == 0;
}

static _Noreturn void serve(int socket, int alive_fd, int lifeline, const char *subuid_path)
{
	struct duty duty = {.socket = socket, .lifeline = lifeline, .subuid_path = subuid_path};
	const int keep[] = {socket, alive_fd, lifeline};

	for (unsigned int i = 0; i < READERS; i++)
		duty.readers[i] = -1;
	prctl(PR_SET_NAME, "spoolfs-witness");
	spool_stdio_to_null(STDERR_FILENO);
	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
	duty.sees = enter_procfs();
	signal(SIGCHLD, SIG_IGN); /* the processes that read accounts are not waited for */
	if (spool_privileges_drop(SPOOL_PRIVILEGE(CAP_SYS_PTRACE)) < 0)
		_exit(1);
	while (wait_for_question(&duty) && take_question(&duty))
		;
	_exit(0);
}

int spool_witness_start(const char *subuid_path, int alive_fd, int lifeline, int answer_ms,
			struct spool_witness **ret)
{
	struct spool_witness *witness = calloc(1, sizeof(*witness));
	int pair[2], r;
	pid_t pid;

	if (!witness)
		return -ENOMEM;
	*witness = (struct spool_witness){.socket = -1, .answer_ms = answer_ms};
	witness->stop = eventfd(0, EFD_CLOEXEC);
	if (witness->stop < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		spool_witness_free(witness);
		return r;
	}
	pid = fork();
	if (pid == 0)
		serve(pair[1], alive_fd, lifeline, subuid_path);
	r = pid < 0 ? -errno : 0;
	witness->pid = pid;
	close(pair[1]);
	witness->socket = pair[0];
	if (r == 0)
		*ret = witness;
	else
		spool_witness_free(witness);
	return r;
}

pid_t spool_witness_pid(const struct spool_witness *witness)
{
	return witness ? witness->pid : 0;
}

void spool_witness_stop(struct spool_witness *witness)
{
	if (witness)
		eventfd_write(witness->stop, 1);
}

void spool_witness_free(struct spool_witness *witness)
{
	if (!witness)
		return;
	spool_close(witness->socket);
	spool_close(witness->stop);
	free(witness);
}

/* Return: a pipe to read the answer from, which the caller closes; -errno. */
static int ask(const struct spool_witness *witness, const struct question *question)
{
	int pipe[2], r;

	if (!witness)
		return -ESRCH;
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	r = spool_pass_descriptor(witness->socket, pipe[1], question, sizeof(*question),
				  MSG_DONTWAIT);
	close(pipe[1]);
	if (r < 0) {
		close(pipe[0]);
		return r;
	}
	return pipe[0];
}

/* Return: how many bytes; 0 at the end; -ETIMEDOUT; -ECANCELED: was stopped; -errno. */
static ssize_t read_answer(const struct spool_witness *witness, int fd, void *buf, size_t size,
			   int limit_ms)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = witness->stop, .events = POLLIN}};
	ssize_t n;
	int ready;

	do
		ready = poll(fds, SPOOL_ARRAY_SIZE(fds), limit_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready < 0 ? -errno : -ETIMEDOUT;
	if (fds[0].revents == 0)
		return -ECANCELED;
	n = read(fd, buf, size);
	return n < 0 ? -errno : n;
}

/* Return: what the witness says; without an answer no capability, no group and no uid. */
static struct spool_proc_status look(struct spool_witness *witness, const struct question *question)
{
	spool_cleanup(fd) int fd = question->pid > 0 ? ask(witness, question) : -1;
	struct spool_proc_status caller;

	if (fd < 0 || read_answer(witness, fd, &caller, sizeof(caller), witness->answer_ms) !=
			      (ssize_t)sizeof(caller))
		return (struct spool_proc_status){.uid = (uid_t)-1};
	return caller;
}

static struct spool_proc_status look_at(struct spool_witness *witness, pid_t pid)
{
	const struct question question = {.kind = ASK_CALLER, .pid = pid};

	return look(witness, &question);
}

bool spool_witness_has_over(struct spool_witness *witness, pid_t pid, unsigned int cap, uid_t uid,
			    gid_t gid)
{
	const struct question question = {
		.kind = ASK_OVER, .pid = pid, .uid = (uint32_t)uid, .gid = (uint32_t)gid};

	return look(witness, &question).caps >> cap & 1;
}

bool spool_witness_has(struct spool_witness *witness, pid_t pid, unsigned int cap)
{
	return look_at(witness, pid).caps >> cap & 1;
}

bool spool_witness_is_dying(struct spool_witness *witness, pid_t pid)
{
	return look_at(witness, pid).dying;
}

/* Return: is the answer yes? */
static bool is_yes(struct spool_witness *witness, const struct question *question)
{
	spool_cleanup(fd) int fd = question->pid > 0 ? ask(witness, question) : -1;
	char answer = 'n';

	return fd >= 0 && read_answer(witness, fd, &answer, 1, witness->answer_ms) == 1 &&
	       answer == 'y';
}

bool spool_witness_in_group(struct spool_witness *witness, pid_t pid, gid_t gid)
{
	const struct question question = {.kind = ASK_GROUP, .pid = pid, .gid = gid};

	return is_yes(witness, &question);
}

bool spool_witness_is_daemon(struct spool_witness *witness, pid_t pid)
{
	const struct question question = {.kind = ASK_DAEMON, .pid = pid};

	return is_yes(witness, &question);
}

uid_t spool_witness_uid(struct spool_witness *witness, pid_t pid)
{
	return look_at(witness, pid).uid;
}

bool spool_witness_is_admin(struct spool_witness *witness, pid_t pid)
{
	struct spool_proc_status caller = look_at(witness, pid);

	return caller.top_pidns && (caller.caps >> CAP_SYS_ADMIN & 1);
}

struct spool_subuid_table *spool_witness_subuids(void *ctx, const char *path, int limit_ms)
{
	const struct question question = {.kind = ASK_SUBUIDS, .limit_ms = limit_ms};
	const struct spool_witness *witness = ctx;
	spool_cleanup(fd) int fd = ask(witness, &question);
	spool_cleanup(free) char *all = malloc(TABLE_MAX);
	size_t used = 0;
	ssize_t n = 0;
	int error = EIO;

	(void)path; /* the witness knows it */
	if (fd < 0 || !all) {
		errno = fd < 0 ? -fd : ENOMEM;
		return NULL;
	}
	while (used < TABLE_MAX &&
	       (n = read_answer(witness, fd, all + used, TABLE_MAX - used, limit_ms)) > 0)
		used += (size_t)n;
	if (n == 0 && used == sizeof(error)) /* less than any table */
		memcpy(&error, all, sizeof(error));
	if (n != 0 || !spool_subuids_is_table(all, used)) {
		errno = n < 0 ? (int)-n : n > 0 ? EFBIG : error;
		return NULL;
	}
	return (struct spool_subuid_table *)(void *)spool_steal(all);
}
