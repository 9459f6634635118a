/* SPDX-License-Identifier: MIT */
#include "process/janitor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/record.h"
#include "host/mount_table.h"
#include "host/process.h"
#include "process/control_socket.h"
#include "process/remains.h"
#include "process/unmount.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "process/handover.h"

/* A worker without a supervisor gets this long to end by itself, and as long again to die when it
 * is killed. After a crash, nothing must be left for longer than 2 s. */
#define WORKER_MS 400

#define DISMISS_MS 1000

struct duty {
	const struct spool_options *options;
	struct spool_log *log;
	struct spool_mount mount;
	pid_t supervisor;
	int socket; /* to it */
	int worker; /* pidfd */
	int arena;
};

static void harden(const struct duty *duty)
{
	const int keep[] = {duty->socket, duty->worker, duty->arena, duty->mount.covered,
			    duty->options->alive_fd};
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

	prctl(PR_SET_NAME, SPOOL_CTL_JANITOR);
	setsid(); /* signals to the supervisor's process group must not reach this process */
	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
	if (!duty->options->foreground)
		spool_stdio_to_null(STDERR_FILENO);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_DUMPABLE, 0);
	spool_mount_drop_privileges(duty->options, duty->log);
}

/* Return: true: the mount is covered, and the supervisor leaves it to us; false: the supervisor is
 * gone. */
static bool wait_for_end(struct duty *duty)
{
	char byte;
	ssize_t n;
	int fd;

	fd = spool_receive_fd(duty->socket, &duty->mount.device);
	if (fd < 0) {
		/* it may have mounted and been killed before it said so */
		duty->mount.device = spool_mount_table_device(duty->mount.path);
		return false;
	}
	duty->mount.fd = fd;
	do
		n = read(duty->socket, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static bool worker_ends(const struct duty *duty, int timeout_ms)
{
	struct pollfd fd = {.fd = duty->worker, .events = POLLIN};

	return duty->worker < 0 || poll(&fd, 1, timeout_ms) != 0;
}

/* The worker notices by itself that the supervisor is gone. */
static void end_worker(struct duty *duty)
{
	int r;

	if (!worker_ends(duty, WORKER_MS)) {
		spool_log(duty->log, SPOOL_LOG_ERROR, "the worker does not stop, killing it");
		pidfd_send_signal(duty->worker, SIGKILL, NULL, 0);
		worker_ends(duty, WORKER_MS);
	}
	r = spool_remains_free(duty->worker, duty->arena);
	if (!worker_ends(duty, 0))
		spool_log(duty->log, SPOOL_LOG_ERROR,
			  "the worker does not die, it is held up in the kernel; its memory: %s",
			  r < 0 ? strerror(-r) : "free");
	duty->arena = spool_close(duty->arena); /* the mount may be covered for long */
}

/* Tries to unmount whenever the kernel tells of a change to the mount table, until no other mount
 * covers ours. */
static int wait_until_uncovered(struct spool_mount *mount)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd poll_fd = {.fd = fd, .events = POLLPRI};
	int r;

	while ((r = spool_unmount(mount)) == -EBUSY && fd >= 0) {
		if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
			break;
	}
	spool_close(fd);
	return r;
}

static _Noreturn void do_duty(struct duty *duty)
{
	bool left_to_us;
	int r;

	harden(duty);
	left_to_us = wait_for_end(duty);
	if (!left_to_us)
		spool_log(duty->log, SPOOL_LOG_ERROR, "%s: the supervisor is gone, unmounting",
			  duty->mount.path);
	if (!left_to_us)
		spool_control_socket_remove(duty->mount.device, duty->supervisor);
	worker_ends(duty, SPOOL_GRACE_MS); /* as long as the supervisor gives it */
	r = spool_unmount(&duty->mount);
	end_worker(duty);
	if (r == -EBUSY)
		r = wait_until_uncovered(&duty->mount);
	else if (r < 0)
		r = spool_unmount(&duty->mount);
	if (r < 0)
		spool_log(duty->log, SPOOL_LOG_ERROR, "%s: cannot unmount: %s", duty->mount.path,
			  strerror(-r));
	if (!left_to_us)
		spool_mount_guard(&duty->mount, duty->log);
	if (r == 0 && duty->options->holder_fd >= 0)
		spool_mount_remove(&duty->mount, duty->log);
	_exit(r == 0 ? 0 : 1);
}

int spool_janitor_start(const struct spool_options *options, struct spool_log *log,
			const struct spool_mount *mount, pid_t worker, int arena,
			struct spool_janitor *ret)
{
	struct duty duty = {.options = options,
			    .log = log,
			    .mount = *mount,
			    .supervisor = getpid(),
			    .arena = arena};
	spool_cleanup(fd) int theirs = -1, ours = -1;
	int pair[2];
	pid_t pid;

	assert(mount->path && worker > 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	duty.socket = theirs;
	duty.worker = pidfd_open(worker, 0); /* -1: we cannot kill it */
	duty.mount.fd = -1;
	pid = fork();
	if (pid == 0)
		do_duty(&duty);
	spool_close(duty.worker);
	if (pid < 0)
		return -errno;
	*ret = (struct spool_janitor){.pid = pid, .socket = spool_steal_fd(&ours)};
	return mount->fd >= 0 ? spool_janitor_tell(ret, mount) : 0;
}

int spool_janitor_tell(struct spool_janitor *janitor, const struct spool_mount *mount)
{
	return spool_send_fd(janitor->socket, mount->fd, mount->device);
}

bool spool_janitor_has_ended(const struct spool_janitor *janitor)
{
	siginfo_t info = {0};

	return janitor->pid > 0 &&
	       waitid(P_PID, (id_t)janitor->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == janitor->pid;
}

void spool_janitor_dismiss(struct spool_janitor *janitor)
{
	int status;

	if (janitor->pid > 0) {
		kill(janitor->pid, SIGKILL);
		spool_process_wait(janitor->pid, DISMISS_MS, &status);
	}
	janitor->pid = 0;
	janitor->socket = spool_close(janitor->socket);
}

void spool_janitor_leave(struct spool_janitor *janitor)
{
	const char byte = WORKER_OK;

	if (send(janitor->socket, &byte, 1, MSG_NOSIGNAL) == 1)
		janitor->pid = 0; /* so that it is not dismissed any more */
}
