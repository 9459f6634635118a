/* SPDX-License-Identifier: MIT */

/*
 * spoolctl run: a mount of its own for one command.
 *
 * The daemon holds one end of a pipe of ours ("holder"): when we are gone, for whatever reason,
 * SIGKILL included, it unmounts, wipes, and removes the directory. We wait for the command and
 * then for the daemon, so that nothing is left when we return.
 *
 * What the command left running may still write to TMPDIR. Between the unmount and the removal it
 * would write to the covered directory, on whatever disk that is; so the mount is one level down
 * in a directory of ours, which is renamed before the unmount (a mount point itself cannot be).
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "util/macros.h"

#define EXIT_NOT_EXECUTABLE 126 /* as in sh(1) */
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

/* A socket's path may have 107 bytes; this leaves 67 for programs. A guess that fits ssh-agent's
 * and gpg-agent's. */
#define BASE_MAX 24

struct run {
	const char *options; /* -o, or NULL */
	char **command;
	char outer[48]; /* made by us, holds nothing but... */
	char dir[64];   /* ...the mount point */
	int holder;     /* our end: closing it ends the mount */
	pid_t daemon;
	pid_t child;
};

/* The directory to make ours in: short, and not somebody else's. */
static const char *base_dir(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat stat_buf;

	if (geteuid() == 0)
		return access("/run", W_OK) == 0 ? "/run" : "/tmp";
	if (runtime && runtime[0] == '/' && strlen(runtime) <= BASE_MAX &&
	    stat(runtime, &stat_buf) == 0 && S_ISDIR(stat_buf.st_mode) &&
	    stat_buf.st_uid == geteuid() && !(stat_buf.st_mode & 077))
		return runtime;
	return "/tmp";
}

/* The daemon of the build tree that we are from, or of PATH. */
static void find_daemon(char *ret, size_t size)
{
	static const char *const places[] = {"spoolfs", "../fs/spoolfs", "../sbin/spoolfs"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		const char *dir;

		self[n] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
			if (snprintf(ret, size, "%s/%s", dir, places[i]) < (int)size &&
			    access(ret, X_OK) == 0)
				return;
		}
	}
	snprintf(ret, size, "spoolfs");
}

static void exec_daemon(const struct run *run, int holder, int ready)
{
	char path[PATH_MAX + 32], holder_arg[32], ready_arg[32], dir[sizeof(run->dir)];
	char name[] = "spoolfs", f[] = "-f", o[] = "-o", source[] = "spoolfs-run";
	char *options = NULL;
	sigset_t none;

	find_daemon(path, sizeof(path));
	snprintf(holder_arg, sizeof(holder_arg), "--holder-fd=%d", holder);
	snprintf(ready_arg, sizeof(ready_arg), "--ready-fd=%d", ready);
	snprintf(dir, sizeof(dir), "%s", run->dir);
	if (asprintf(&options, "layout=single,log_level=warning%s%s", run->options ? "," : "",
		     run->options ? run->options : "") < 0)
		_exit(EXIT_FAILED);
	setsid(); /* the terminal's signals are the command's */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	char *argv[] = {name, f, o, options, holder_arg, ready_arg, source, dir, NULL};

	execvp(path, argv);
	fprintf(stderr, "spoolctl: run: %s: %s\n", path, strerror(errno));
	_exit(EXIT_FAILED);
}

/* Return: 0 mounted; else an exit status, after a line. */
static int start_daemon(struct run *run)
{
	int holder[2], ready[2], status;
	char line[8] = "";
	ssize_t n;

	if (pipe2(holder, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    (run->daemon = fork()) < 0) {
		fprintf(stderr, "spoolctl: run: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	if (run->daemon == 0) {
		fcntl(holder[0], F_SETFD, 0);
		fcntl(ready[1], F_SETFD, 0);
		close(holder[1]);
		exec_daemon(run, holder[0], ready[1]);
	}
	close(holder[0]);
	close(ready[1]);
	run->holder = holder[1];
	do
		n = read(ready[0], line, sizeof(line) - 1);
	while (n < 0 && errno == EINTR);
	close(ready[0]);
	if (n > 0)
		return 0;
	close(run->holder);
	while (waitpid(run->daemon, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static void exec_command(const struct run *run, const sigset_t *mask, pid_t parent)
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++)
		setenv(names[i], run->dir, 1);
	/* With us the mount goes; a command that went on would find its files gone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_SIGNAL + SIGTERM);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(run->command[0], run->command);
	fprintf(stderr, "spoolctl: run: %s: %s\n", run->command[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A command that stopped (^Z) stops us too, so that the shell has its job control. */
static void stop_with(const struct run *run, int status)
{
	if (!WIFSTOPPED(status))
		return;
	raise(SIGSTOP);
	kill(run->child, SIGCONT);
}

/* Passes signals on until the command ends. */
static int wait_for_command(const struct run *run, const sigset_t *signals)
{
	int status;

	for (;;) {
		siginfo_t info;
		int sig = sigwaitinfo(signals, &info);
		pid_t pid;

		if (sig < 0)
			continue;
		if (sig != SIGCHLD) {
			/* what the terminal sent has reached the command as well */
			if (info.si_code != SI_KERNEL)
				kill(run->child, sig);
			continue;
		}
		while ((pid = waitpid(run->child, &status, WNOHANG | WUNTRACED)) == run->child) {
			if (!WIFSTOPPED(status))
				return exit_status(status);
			stop_with(run, status);
		}
	}
}

/* Return: 0; -errno. */
static int make_directories(struct run *run)
{
	if (snprintf(run->outer, sizeof(run->outer), "%s/spool-XXXXXX", base_dir()) < 0 ||
	    !mkdtemp(run->outer))
		return -errno;
	snprintf(run->dir, sizeof(run->dir), "%s/t", run->outer);
	if (mkdir(run->dir, 0700) < 0) {
		int r = -errno;

		rmdir(run->outer);
		return r;
	}
	return 0;
}

static void remove_directories(const char *outer)
{
	char dir[sizeof(((struct run *)NULL)->dir)];

	snprintf(dir, sizeof(dir), "%s/t", outer);
	rmdir(dir);
	rmdir(outer);
}

/* Takes the mount out of the command's reach, ends it, and removes what it was in. */
static void finish(struct run *run)
{
	char gone[sizeof(run->outer) + 4];
	bool renamed;
	int status;

	snprintf(gone, sizeof(gone), "%s-end", run->outer);
	renamed = rename(run->outer, gone) == 0;
	close(run->holder);
	while (waitpid(run->daemon, &status, 0) < 0 && errno == EINTR)
		;
	remove_directories(renamed ? gone : run->outer);
}

static int run_command(struct run *run)
{
	static const int passed_on[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
					SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};
	sigset_t signals, old;
	pid_t self = getpid();
	int r;

	sigemptyset(&signals);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(passed_on); i++)
		sigaddset(&signals, passed_on[i]);
	sigprocmask(SIG_BLOCK, &signals, &old);
	signal(SIGPIPE, SIG_DFL);
	r = make_directories(run);
	if (r < 0) {
		fprintf(stderr, "spoolctl: run: %s: %s\n", run->outer, strerror(-r));
		return EXIT_FAILED;
	}
	r = start_daemon(run);
	if (r != 0) {
		remove_directories(run->outer);
		return r;
	}
	run->child = fork();
	if (run->child == 0)
		exec_command(run, &old, self);
	if (run->child < 0) {
		fprintf(stderr, "spoolctl: run: %s\n", strerror(errno));
		r = EXIT_FAILED;
	} else {
		r = wait_for_command(run, &signals);
	}
	finish(run);
	return r;
}

int cmd_run(int argc, char *argv[])
{
	struct run run = {.holder = -1};
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--help") == 0) {
			puts("usage: spoolctl run [-o OPTION,...] [--] COMMAND [ARGUMENT...]\n"
			     "Runs COMMAND with TMPDIR, TMP and TEMP on a spoolfs mount of its "
			     "own,\n"
			     "wiped and unmounted when it ends. Ends with COMMAND's exit status.");
			return EXIT_OK;
		}
		if (strcmp(argv[i], "-o") != 0 || i + 1 == argc) {
			fprintf(stderr,
				"spoolctl: run: %s: not expected (allowed: -o OPTION,...; "
				"--; --help)\n",
				argv[i]);
			return EXIT_USAGE;
		}
		run.options = argv[++i];
	}
	if (i >= argc) {
		fputs("spoolctl: run: no command (allowed: [-o OPTION,...] [--] COMMAND)\n",
		      stderr);
		return EXIT_USAGE;
	}
	run.command = argv + i;
	return run_command(&run);
}
