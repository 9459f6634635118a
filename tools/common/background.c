/* SPDX-License-Identifier: MIT */
#include "common/background.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/usage.h"
#include "util/descriptors.h"

struct background {
	const char *who, *colon; /* in front of lines */
	const char *program, *cgroup;
	const char *const *argv;
	int holder, errors;
};

/* Return: false after a line. */
static bool join_cgroup(const struct background *start)
{
	int fd = open(start->cgroup, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, "0", 1) == 1;

	if (!ok)
		dprintf(start->errors, "%s%s%s: %s\n", start->who, start->colon, start->cgroup,
			strerror(errno));
	return ok;
}

static _Noreturn void become(const struct background *start)
{
	if (start->cgroup && !join_cgroup(start))
		_exit(EXIT_FAILED);
	if (start->errors != STDERR_FILENO)
		dup2(start->errors, STDERR_FILENO);
	/* the daemon would hold what we have open, and others wait for its end */
	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(&start->holder, 1);
	if (start->holder >= 0)
		fcntl(start->holder, F_SETFD, 0);
	execvp(start->program, (char *const *)start->argv);
	dprintf(STDERR_FILENO, "%s%s%s: %s\n", start->who, start->colon, start->program,
		strerror(errno));
	_exit(EXIT_FAILED);
}

static int run(const struct background *start)
{
	int status = 0;
	pid_t pid = fork(), ended = pid;

	if (pid == 0)
		become(start);
	while (pid > 0 && (ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (ended > 0 && WIFEXITED(status))
		return WEXITSTATUS(status);
	dprintf(start->errors, "%s%sspoolfs: %s\n", start->who, start->colon,
		ended < 0 ? strerror(errno) : "ended as it started");
	return EXIT_FAILED;
}

int background_mount(const char *who, const char *program, const char *options, const char *source,
		     const char *dir, int holder, int errors, const char *cgroup)
{
	char installed[PATH_MAX], held[32];
	const char *argv[7] = {"spoolfs", "-o", options, source, dir};
	const struct background start = {.who = who ? who : "",
					 .colon = who ? ": " : "",
					 .program = program ? program : installed,
					 .cgroup = cgroup,
					 .argv = argv,
					 .holder = holder,
					 .errors = errors};

	if (holder >= 0) {
		snprintf(held, sizeof(held), "--holder-fd=%d", holder);
		argv[3] = held;
		argv[4] = source;
		argv[5] = dir;
	}
	if (!program)
		daemon_path(installed, sizeof(installed));
	return run(&start);
}
