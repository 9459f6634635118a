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

#include "common/daemon.h"
#include "common/usage.h"
#include "spoolctl/cmd.h"
#include "spoolctl/run_child.h"
#include "spoolctl/run_cover.h"
#include "spoolctl/run_keeper.h"
#include "spoolctl/run_options.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/rmtree.h"

/* A socket's path may have 107 bytes (unix(7)). With a base of 24 the mount's path has at most 39,
 * which leaves 67 for programs. A guess that fits ssh-agent's and gpg-agent's. */
#define BASE_MAX 24

struct run {
	struct run_options options;
	char outer[48]; /* made by us, holds nothing but... */
	char dir[64];   /* ...the mount point */
	struct daemon daemon;
	struct run_child child;
	bool away; /* the mount is out of the command's reach */
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

/* Mostly the daemon has done it. Where it was killed, the command may have written to what the
 * mount had covered. What cannot be removed is told: somebody must look at it. */
static void remove_directories(const char *outer)
{
	spool_rmtree(outer);
	if (rmdir(outer) < 0 && errno != ENOENT)
		fprintf(stderr, "spoolctl: run: %s: cannot remove: %s\n", outer, strerror(errno));
}

/* In the command's process. */
static void exec_command(void *arg, pid_t parent)
{
	const struct run *run = arg;
	const char *tmpdir = run->dir;
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};

	if (run->options.tmp) {
		int r = run_cover_enter(run->dir);

		if (r != EXIT_OK)
			_exit(r);
		tmpdir = RUN_COVER_TMPDIR;
	}
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++)
		setenv(names[i], tmpdir, 1);
	run_child_exec(&run->child, parent, run->options.command);
}

/* Lets go of what we were given but do not use, now that the command has it. */
static void close_inherited(const struct run *run)
{
	const int keep[] = {run->daemon.holder, run->daemon.alive};

	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
}

/* Return: true when the command has ended, and *@ret_status. */
static bool has_ended(const struct run *run, int *ret_status)
{
	int status;

	while (waitpid(run->child.pid, &status, WNOHANG | WUNTRACED) == run->child.pid) {
		if (run_child_changed(&run->child, status, ret_status))
			return true;
	}
	return false;
}

/* Takes the mount, or what it has covered, out of the command's reach: a mount point itself cannot
 * be renamed, the directory that it is in can. */
static void take_away(struct run *run)
{
	char gone[sizeof(run->outer)];

	if (run->away)
		return;
	run->away = true;
	if (snprintf(gone, sizeof(gone), "%s-end", run->outer) < (int)sizeof(gone) &&
	    rename(run->outer, gone) == 0)
		strcpy(run->outer, gone);
}

static void finish(struct run *run)
{
	take_away(run);
	daemon_end(&run->daemon);
	remove_directories(run->outer);
}

/* The daemon ends before the command only when it was killed. */
static void look_after_daemon(struct run *run)
{
	if (run->away || !daemon_has_ended(&run->daemon))
		return;
	take_away(run);
	fputs("spoolctl: run: the daemon has ended: TMPDIR is gone\n", stderr);
}

static int wait_for_command(struct run *run)
{
	int status;

	for (;;) {
		siginfo_t info;
		int sig = sigwaitinfo(&run->child.signals, &info);

		if (sig == SIGCHLD)
			look_after_daemon(run);
		if (sig == SIGCHLD && has_ended(run, &status))
			return status;
		if (sig > 0 && sig != SIGCHLD)
			run_child_pass_on(&run->child, &info);
	}
}

/* Becomes the command, or the keeper that starts it. */
static void be_child(struct run *run, pid_t parent)
{
	const int lasting[] = {run->daemon.holder, run->daemon.alive};
	struct run_keeper keeper = {
		.kill = run->options.rest == RUN_REST_KILL,
		.child = run->child,
		.descriptors = lasting,
		.n = SPOOL_ARRAY_SIZE(lasting),
		.start = exec_command,
		.arg = run,
	};

	if (run->options.rest == RUN_REST_LEFT)
		exec_command(run, parent);
	_exit(run_keeper_serve(&keeper, parent));
}

/* Return: an exit status, when all is over and nothing is left. */
static int run_child(struct run *run)
{
	pid_t self = getpid();
	int r;

	/* for what a keeper that is killed leaves to us */
	if (run->options.rest != RUN_REST_LEFT)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	run->child.pid = fork();
	if (run->child.pid == 0)
		be_child(run, self);
	if (run->child.pid < 0) {
		fprintf(stderr, "spoolctl: run: %s\n", strerror(errno));
		r = EXIT_FAILED;
	} else {
		close_inherited(run);
		r = wait_for_command(run);
	}
	finish(run);
	/* nobody is left below us, unless the keeper was killed */
	if (run->options.rest != RUN_REST_LEFT)
		run_keeper_end_rest(&run->child);
	return r;
}

static int run_command(struct run *run)
{
	char program[PATH_MAX];
	mode_t before;
	int r;

	run_child_prepare(&run->child);
	r = run->options.tmp ? run_cover_check() : EXIT_OK;
	if (r != EXIT_OK)
		return r;
	before = umask(022); /* that of the command may keep us out of what we make */
	r = make_directories(run);
	umask(before);
	if (r < 0) {
		fprintf(stderr, "spoolctl: run: %s: %s\n", run->outer, strerror(-r));
		return EXIT_FAILED;
	}
	daemon_path(program, sizeof(program));
	r = daemon_start("spoolctl: run", program, run->options.mount, "spoolfs-run", run->dir,
			 true, &run->daemon);
	if (r != EXIT_OK) {
		remove_directories(run->outer);
		return r;
	}
	if (run->options.tmp)
		r = run_cover_prepare(run->dir);
	if (r == EXIT_OK)
		return run_child(run);
	finish(run);
	return r;
}

int cmd_run(int argc, char *argv[])
{
	struct run run = {.daemon = {.holder = -1, .alive = -1}};
	int r = run_options_read(argc, argv, geteuid() == 0, &run.options);

	if (r == EXIT_OK && run.options.command)
		r = run_command(&run);
	run_options_free(&run.options);
	return r;
}
