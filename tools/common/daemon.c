/* SPDX-License-Identifier: MIT */
#include "common/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/usage.h"
#include "util/descriptors.h"
#include "util/macros.h"

/* A worker whose supervisor was killed unmounts within 2 s. This is a guess with some room. */
#define WORKER_MS 5000

static bool is_program(const char *path, size_t size, int len)
{
	return len > 0 && (size_t)len < size && access(path, X_OK) == 0;
}

void daemon_path(char *ret, size_t size)
{
	static const char *const places[] = {"spoolfs", "../fs/spoolfs", "../../fs/spoolfs",
					     "../sbin/spoolfs"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		const char *dir;

		self[n] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
			if (is_program(ret, size, snprintf(ret, size, "%s/%s", dir, places[i])))
				return;
		}
	}
	if (!is_program(ret, size, snprintf(ret, size, "%s", SPOOLFS_INSTALLED)))
		snprintf(ret, size, "spoolfs");
}

struct start {
	const char *who, *program, *options, *source, *dir;
	bool own_session;
	int holder, ready, alive;
};

static void exec_daemon(const struct start *start)
{
	const int keep[] = {start->holder, start->ready, start->alive};
	char holder[32], ready[32], alive[32];
	const char *argv[] = {"spoolfs", "-f",  "-o",          start->options, holder,
			      ready,     alive, start->source, start->dir,     NULL};
	sigset_t none;

	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
	fcntl(start->holder, F_SETFD, 0);
	fcntl(start->ready, F_SETFD, 0);
	fcntl(start->alive, F_SETFD, 0);
	snprintf(holder, sizeof(holder), "--holder-fd=%d", start->holder);
	snprintf(ready, sizeof(ready), "--ready-fd=%d", start->ready);
	snprintf(alive, sizeof(alive), "--alive-fd=%d", start->alive);
	/* the terminal's signals are not for it */
	if (start->own_session) {
		setsid();
	} else {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN); /* its lines must not stop it */
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(start->program, (char *const *)argv);
	fprintf(stderr, "%s: %s: %s\n", start->who, start->program, strerror(errno));
	_exit(EXIT_FAILED);
}

/* A status of waitpid(2). Return: the exit status, EXIT_FAILED when a signal ended it. */
static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_FAILED;
	}
	return exit_status(status);
}

int daemon_start(const char *who, const char *program, const char *options, const char *source,
		 const char *dir, bool own_session, struct daemon *ret)
{
	struct start start = {.who = who,
			      .program = program,
			      .options = options,
			      .source = source,
			      .dir = dir,
			      .own_session = own_session};
	int holder[2] = {-1, -1}, ready[2] = {-1, -1}, alive[2] = {-1, -1};
	char line[8];
	ssize_t n;
	pid_t pid;

	if (pipe2(holder, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    pipe2(alive, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "%s: %s\n", who, strerror(errno));
		for (int i = 0; i < 2; i++) {
			spool_close(holder[i]);
			spool_close(ready[i]);
			spool_close(alive[i]);
		}
		return EXIT_FAILED;
	}
	if (pid == 0) {
		close(holder[1]);
		start.holder = holder[0];
		start.ready = ready[1];
		start.alive = alive[1];
		exec_daemon(&start);
	}
	close(holder[0]);
	close(ready[1]);
	close(alive[1]);
	do
		n = read(ready[0], line, sizeof(line));
	while (n < 0 && errno == EINTR);
	close(ready[0]);
	if (n > 0) {
		*ret = (struct daemon){.pid = pid, .holder = holder[1], .alive = alive[0]};
		return EXIT_OK;
	}
	close(holder[1]);
	close(alive[0]);
	return reap(pid) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED; /* it has printed why */
}

bool daemon_has_ended(struct daemon *daemon)
{
	int status;

	if (daemon->pid > 0 && waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
		daemon->pid = 0;
		daemon->status = exit_status(status);
	}
	return daemon->pid == 0;
}

int daemon_end(struct daemon *daemon)
{
	struct pollfd fd = {.fd = daemon->alive};

	daemon->holder = spool_close(daemon->holder);
	if (daemon->pid > 0)
		daemon->status = reap(daemon->pid);
	daemon->pid = 0;
	/* where the supervisor was killed, its worker unmounts */
	while (poll(&fd, 1, WORKER_MS) < 0 && errno == EINTR)
		;
	daemon->alive = spool_close(daemon->alive);
	return daemon->status;
}
