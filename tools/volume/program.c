/* SPDX-License-Identifier: MIT */
#include "volume/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/usage.h"
#include "util/descriptors.h"
#include "util/macros.h"

/* How long spoolfs may take to mount: 50 ms mostly; its backing directory may be on a slow disk.
 * Then how long a call to unmount may, while engines wait. Guesses. */
#define RUN_MS 60000
#define CALL_MS 5000

static _Noreturn void become(char *const argv[], int input, int errors)
{
	/* of a service manager */
	static const char *const ours[] = {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID",
					   "LISTEN_FDNAMES"};
	sigset_t none;

	spool_stdio_to_null(STDOUT_FILENO);
	if (input >= 0)
		dup2(input, STDIN_FILENO);
	dup2(errors, STDERR_FILENO);
	spool_keep_descriptors(NULL, 0);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(ours); i++)
		unsetenv(ours[i]);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "spoolfs-volume: %s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_FAILED);
}

/* Return: whether it has ended, with the status of waitpid(2). */
static bool wait_for(pid_t pid, int ms, int *ret_status)
{
	spool_cleanup(fd) int fd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	int n = 1;

	if (fd >= 0) {
		do
			n = poll(&ended, 1, ms);
		while (n < 0 && errno == EINTR);
	}
	if (n == 0)
		return false;
	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

/* What is in the pipe now: daemons in the background may hold its other end open. */
static void read_errors(int fd, char *text, size_t size)
{
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

static int judge(int status, const char *text, char *why, size_t size)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		fputs(text, stderr);
		return 0;
	}
	if (*text)
		snprintf(why, size, "%.*s", (int)strcspn(text, "\n"), text);
	else if (WIFSIGNALED(status))
		snprintf(why, size, "spoolfs was ended by signal %d", WTERMSIG(status));
	else
		snprintf(why, size, "spoolfs ended with %d", WEXITSTATUS(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE ? -EINVAL : -EIO;
}

int program_run(char *const argv[], int input, char *why, size_t size)
{
	int errors[2] = {-1, -1}, status = 0, r;
	char text[1024];
	pid_t pid;

	if (pipe2(errors, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		r = -errno;
		snprintf(why, size, "cannot start spoolfs: %s", strerror(-r));
		spool_close(errors[0]);
		spool_close(errors[1]);
		return r;
	}
	if (pid == 0)
		become(argv, input, errors[1]);
	close(errors[1]);
	if (wait_for(pid, RUN_MS, &status)) {
		read_errors(errors[0], text, sizeof(text));
		r = judge(status, text, why, size);
	} else {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		snprintf(why, size, "spoolfs does not start within %d s", RUN_MS / 1000);
		r = -ETIMEDOUT;
	}
	close(errors[0]);
	return r;
}

int program_call(int (*fn)(const void *arg), const void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-fn(arg)); /* an errno is below 256 */
	if (!wait_for(pid, CALL_MS, &status))
		return -EBUSY;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
