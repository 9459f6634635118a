/* SPDX-License-Identifier: MIT */
#include "hook/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/usage.h"
#include "hook/say.h"
#include "util/descriptors.h"

static _Noreturn void become(const char *program, const char *const argv[], int keep)
{
	/* the daemon would hold what the runtime has open, and the runtime wait for its end */
	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(&keep, 1);
	if (keep >= 0)
		fcntl(keep, F_SETFD, 0);
	execvp(program, (char *const *)argv);
	hook_refuse(stderr, program, NULL, strerror(errno));
	_exit(EXIT_FAILED);
}

static int run(const char *const argv[], int keep)
{
	char program[PATH_MAX];
	int status;
	pid_t pid;

	daemon_path(program, sizeof(program));
	pid = fork();
	if (pid == 0)
		become(program, argv, keep);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0) {
		hook_refuse(stderr, "spoolfs", NULL, strerror(errno));
		return EXIT_FAILED;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	hook_refuse(stderr, "spoolfs", NULL, "was killed as it started");
	return EXIT_FAILED;
}

int run_mount(const char *options, int holder, const char *dir)
{
	char switches[32];
	const char *const argv[] = {"spoolfs", "-o", options, switches, "spoolfs-oci", dir, NULL};

	snprintf(switches, sizeof(switches), "--holder-fd=%d", holder);
	return run(argv, holder);
}
