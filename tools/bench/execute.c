/* SPDX-License-Identifier: MIT */
#include "bench/execute.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/workload.h"
#include "util/descriptors.h"
#include "util/macros.h"

static const struct setting {
	const char *name, *value;
} settings[] = {
	{"LC_ALL", "C"},
	{"CCACHE_DISABLE", "1"},
	{"GIT_CONFIG_NOSYSTEM", "1"},
	{"GIT_CONFIG_GLOBAL", "/dev/null"},
};

bool bench_has_program(const char *name)
{
	const char *dirs = getenv("PATH");

	while (dirs) {
		size_t len = strcspn(dirs, ":");
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s/%s", (int)len, dirs, name);
		if (len > 0 && access(path, X_OK) == 0)
			return true;
		dirs = dirs[len] ? dirs + len + 1 : NULL;
	}
	return false;
}

static void become(const struct bench_task *task, const char *const argv[])
{
	setenv("TMPDIR", task->dir, 1);
	setenv("SQLITE_TMPDIR", task->dir, 1); /* which goes before TMPDIR */
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(settings); i++)
		setenv(settings[i].name, settings[i].value, 1);
	spool_stdio_to_null(STDOUT_FILENO);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "spoolbench: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int bench_execute(const struct bench_task *task, const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(task, argv);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECANCELED;
}
