/* SPDX-License-Identifier: MIT */
#include "pam/visit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/names.h"
#include "ctl/proto.h"
#include "util/descriptors.h"
#include "util/macros.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* Return: 0; -errno, with the step at @ret. */
static int look(const struct visit *visit, int fd, struct visit_found *ret)
{
	struct spool_ctl_status status = {.version = SPOOL_CTL_VERSION};
	struct stat attr;

	ret->step = VISIT_DEVICE;
	if (fstat(fd, &attr) < 0)
		return -errno;
	if (attr.st_dev != visit->device)
		return -EXDEV;
	ret->step = VISIT_ASK;
	if (ioctl(fd, SPOOL_IOC_STATUS, &status) < 0)
		return -errno;
	ret->step = VISIT_LAYOUT;
	return (int)status.layout == spool_ctl_number(SPOOL_CTL_LAYOUTS, "private") ? 0 : -EINVAL;
}

/* The user's directory comes to be when it is looked up. Return: a descriptor; -errno. */
static int open_directory(const struct visit *visit, int fd, struct visit_found *ret)
{
	struct stat attr;
	char name[16];
	int top;

	ret->step = VISIT_DIRECTORY;
	snprintf(name, sizeof(name), "%u", (unsigned int)visit->cover.uid);
	top = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0 || fstat(top, &attr) < 0)
		return -errno;
	return attr.st_uid == visit->cover.uid ? top : -EPERM;
}

/* Return: 0; -errno, with the step at @ret. */
static int go(const struct visit *visit, struct visit_found *ret)
{
	int fd, top, r;

	ret->step = VISIT_NAMESPACE;
	r = visit->cover.n ? cover_enter(&visit->cover) : 0;
	if (r < 0)
		return r;
	ret->step = VISIT_OPEN;
	fd = cover_open(visit->mount, O_RDONLY);
	if (fd < 0)
		return fd;
	r = look(visit, fd, ret);
	if (r < 0)
		return r;
	top = open_directory(visit, fd, ret);
	if (top < 0 || visit->cover.n == 0)
		return top < 0 ? top : 0;
	ret->step = VISIT_COVER;
	return cover_lay(&visit->cover, top, &ret->cover);
}

/* Where the login goes. That the working directory can be entered is tried here: it may be on a
 * mount that hangs. Return: 0; -errno. */
static int open_ways(struct visit_found *ret)
{
	ret->step = VISIT_BACK;
	ret->namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ret->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ret->here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ret->namespace < 0 || ret->root < 0 || ret->here < 0 || fchdir(ret->here) < 0
		       ? -errno
		       : 0;
}

static _Noreturn void run_child(const struct visit *visit, int socket)
{
	struct visit_found found = {.namespace = -1, .root = -1, .here = -1};
	int r;

	if (socket <= STDERR_FILENO) /* the login has closed these */
		socket = fcntl(socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	spool_keep_descriptors(&socket, 1);
	spool_stdio_to_null(STDERR_FILENO);
	r = go(visit, &found);
	if (r == 0 && visit->cover.n)
		r = open_ways(&found);
	if (r == 0)
		found.step = VISIT_DONE;
	found.error = -r;
	if (send(socket, &found, sizeof(found), MSG_NOSIGNAL) == (ssize_t)sizeof(found) &&
	    found.step == VISIT_DONE && visit->cover.n) {
		spool_pass_descriptor(socket, found.namespace, "n", 1, 0);
		spool_pass_descriptor(socket, found.root, "r", 1, 0);
		spool_pass_descriptor(socket, found.here, "h", 1, 0);
	}
	_exit(0);
}

/* As fork(2), but its end is no signal to the login, nor seen by a wait(2) of its own. All signals
 * are blocked: handlers of the login are not to run there. Return: a pid; -1. */
static pid_t fork_silently(const struct visit *visit, int socket)
{
	sigset_t all, before;
	long pid;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid = syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);
	if (pid == 0)
		run_child(visit, socket);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return (pid_t)pid;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

/* Return: something is there to be read, or the other end is closed; false: the time is over. */
static bool wait_for(int socket, int64_t deadline)
{
	struct pollfd poller = {.fd = socket, .events = POLLIN};
	int r;

	do {
		int64_t left = deadline - now_ms();

		r = poll(&poller, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	return r > 0;
}

/* Return: a descriptor; -1. */
static int take(int socket, int64_t deadline)
{
	char mark;
	int fd = wait_for(socket, deadline) ? spool_take_descriptor(socket, &mark, 1) : -1;

	return fd < 0 ? -1 : fd;
}

static void hear(int socket, const struct visit *visit, int64_t deadline, struct visit_found *ret)
{
	struct visit_found found;
	ssize_t n;

	ret->step = VISIT_TIME;
	ret->error = ETIMEDOUT;
	if (!wait_for(socket, deadline))
		return;
	n = recv(socket, &found, sizeof(found), 0);
	if (n != (ssize_t)sizeof(found)) {
		ret->step = VISIT_START;
		ret->error = EPIPE; /* it was killed */
		return;
	}
	found.namespace = found.root = found.here = -1;
	*ret = found;
	if (found.step != VISIT_DONE || visit->cover.n == 0)
		return;
	ret->namespace = take(socket, deadline);
	ret->root = take(socket, deadline);
	ret->here = take(socket, deadline);
	if (ret->namespace < 0 || ret->root < 0 || ret->here < 0) {
		ret->step = VISIT_BACK;
		ret->error = EBADMSG;
	}
}

/* The last of its descriptors to be closed means that its end cannot be held up any more. */
static void end_child(pid_t pid, int socket, int64_t deadline)
{
	bool ends = wait_for(socket, deadline);

	if (!ends)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL | (ends ? 0 : WNOHANG)) < 0 && errno == EINTR)
		;
}

void visit(const struct visit *visit, unsigned int limit_ms, struct visit_found *ret)
{
	int64_t deadline = now_ms() + limit_ms;
	int sockets[2];
	pid_t pid;

	*ret = (struct visit_found){.step = VISIT_START, .namespace = -1, .root = -1, .here = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
		ret->error = errno;
		return;
	}
	pid = fork_silently(visit, sockets[1]);
	ret->error = errno;
	close(sockets[1]);
	if (pid > 0) {
		hear(sockets[0], visit, deadline, ret);
		end_child(pid, sockets[0], deadline);
	}
	close(sockets[0]);
}

void visit_close(struct visit_found *found)
{
	found->namespace = spool_close(found->namespace);
	found->root = spool_close(found->root);
	found->here = spool_close(found->here);
}

const char *visit_reason(enum visit_step step)
{
	static const char *const reasons[] = {
		[VISIT_START] = "no process to look at it",
		[VISIT_TIME] = "its daemon does not answer",
		[VISIT_OPEN] = "cannot be opened",
		[VISIT_DEVICE] = "not the filesystem that is mounted there",
		[VISIT_ASK] = "its daemon cannot be asked",
		[VISIT_LAYOUT] = "not layout=private",
		[VISIT_DIRECTORY] = "no directory of the user",
		[VISIT_NAMESPACE] = "no mount namespace",
		[VISIT_COVER] = "cannot be covered",
		[VISIT_BACK] = "the mount namespace cannot be entered",
		[VISIT_DONE] = "done",
	};

	return reasons[step];
}
