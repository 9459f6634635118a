/* SPDX-License-Identifier: MIT */
#include "host/process.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/macros.h"

/* How long a killed process may take to die: no time, unless it is held up in the kernel. A guess.
 */
#define DIE_MS 500

static bool has_ended(pid_t pid, int *ret_status)
{
	pid_t got;

	do
		got = waitpid(pid, ret_status, WNOHANG);
	while (got < 0 && errno == EINTR);
	return got != 0;
}

bool spool_process_wait(pid_t pid, int timeout_ms, int *ret_status)
{
	spool_cleanup(fd) int fd = -1;
	struct pollfd poll_fd = {.events = POLLIN};

	assert(pid > 0 && timeout_ms >= 0);
	if (has_ended(pid, ret_status))
		return true;
	if (timeout_ms == 0)
		return false;
	fd = pidfd_open(pid, 0);
	poll_fd.fd = fd; /* poll() ignores -1, and sleeps for the whole time */
	while (poll(&poll_fd, 1, timeout_ms) < 0 && errno == EINTR)
		;
	return has_ended(pid, ret_status);
}

pid_t spool_process_start(int (*run)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(run(arg));
	return pid < 0 ? -errno : pid;
}

void spool_process_kill(pid_t pid)
{
	int status;

	assert(pid > 0);
	kill(pid, SIGKILL);
	spool_process_wait(pid, DIE_MS, &status);
}
