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
 *
 * The command stays in our process group, so that it has the terminal as if we were not there.
 * What the terminal sends reaches it without us; what others send to us is passed on.
 */

#include <errno.h>
#include <fcntl.h>
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
#include "common/options.h"
#include "common/usage.h"
#include "spoolctl/cmd.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/remove_tree.h"

#define EXIT_NOT_EXECUTABLE 126 /* as in sh(1) */
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

/* A socket's path may have 107 bytes (unix(7)). With a base of 24 the mount's path has at most 39,
 * which leaves 67 for programs. A guess that fits ssh-agent's and gpg-agent's. */
#define BASE_MAX 24

struct run {
	char *options; /* of the mount */
	char **command;
	char outer[48]; /* made by us, holds nothing but... */
	char dir[64];   /* ...the mount point */
	struct daemon daemon;
	pid_t child;
	bool away;                /* the mount is out of the command's reach */
	bool terminal;            /* there is a shell that may want to stop and continue us */
	sigset_t inherited;       /* what was blocked when we were started */
	struct sigaction sigchld; /* what was done with it then */
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
	spool_remove_tree(outer);
	if (rmdir(outer) < 0 && errno != ENOENT)
		fprintf(stderr, "spoolctl: run: %s: cannot remove: %s\n", outer, strerror(errno));
}

static void exec_command(const struct run *run, pid_t parent)
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};
	int error;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++)
		setenv(names[i], run->dir, 1);
	/* With us the mount goes; a command that went on would find its files gone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_SIGNAL + SIGTERM);
	sigaction(SIGCHLD, &run->sigchld, NULL);
	sigprocmask(SIG_SETMASK, &run->inherited, NULL);
	execvp(run->command[0], run->command);
	error = errno;
	fprintf(stderr, "spoolctl: run: %s: %s\n", run->command[0], strerror(error));
	_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Lets go of what we were given but do not use, now that the command has it. */
static void close_inherited(const struct run *run)
{
	const int keep[] = {run->daemon.holder, run->daemon.alive};

	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
}

/* Blocks what is to be passed on; wait_for_command() takes the signals one by one. */
static void block_signals(struct run *run, sigset_t *ret)
{
	static const int passed_on[] = {SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
					SIGCONT, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD};
	struct sigaction standard = {.sa_handler = SIG_DFL};

	sigemptyset(ret);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(passed_on); i++)
		sigaddset(ret, passed_on[i]);
	/* where it is ignored nobody is told of a child's end */
	sigaction(SIGCHLD, &standard, &run->sigchld);
	sigprocmask(SIG_BLOCK, ret, &run->inherited);
}

static void pass_on(const struct run *run, const siginfo_t *info)
{
	if (info->si_code == SI_KERNEL)
		return; /* from the terminal, to the whole process group */
	/* an editor stops its process group, itself included; to stop it again later is wrong */
	if (info->si_signo == SIGTSTP && info->si_pid == run->child)
		return;
	kill(run->child, info->si_signo);
}

/* Return: true when the command has ended, and *@ret_status. */
static bool has_ended(const struct run *run, int *ret_status)
{
	int status;

	while (waitpid(run->child, &status, WNOHANG | WUNTRACED) == run->child) {
		if (!WIFSTOPPED(status)) {
			*ret_status = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status)
							  : WEXITSTATUS(status);
			return true;
		}
		/* A shell looks at us to learn that its job has stopped (^Z). The SIGCONT that it
		 * sends later is passed on. Without a terminal nobody would send one. */
		if (run->terminal)
			raise(SIGSTOP);
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

static int wait_for_command(struct run *run, const sigset_t *signals)
{
	int status;

	for (;;) {
		siginfo_t info;
		int sig = sigwaitinfo(signals, &info);

		if (sig == SIGCHLD)
			look_after_daemon(run);
		if (sig == SIGCHLD && has_ended(run, &status))
			return status;
		if (sig > 0 && sig != SIGCHLD)
			pass_on(run, &info);
	}
}

static bool has_terminal(void)
{
	spool_cleanup(fd) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

static int run_command(struct run *run)
{
	pid_t self = getpid();
	char program[PATH_MAX];
	sigset_t signals;
	int r;

	run->terminal = has_terminal();
	block_signals(run, &signals);
	r = make_directories(run);
	if (r < 0) {
		fprintf(stderr, "spoolctl: run: %s: %s\n", run->outer, strerror(-r));
		return EXIT_FAILED;
	}
	daemon_path(program, sizeof(program));
	r = daemon_start("spoolctl: run", program, run->options, "spoolfs-run", run->dir,
			 &run->daemon);
	if (r != 0) {
		remove_directories(run->outer);
		return r;
	}
	run->child = fork();
	if (run->child == 0)
		exec_command(run, self);
	if (run->child < 0) {
		fprintf(stderr, "spoolctl: run: %s\n", strerror(errno));
		r = EXIT_FAILED;
	} else {
		close_inherited(run);
		r = wait_for_command(run, &signals);
	}
	finish(run);
	return r;
}

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: run",
	.help = "usage: spoolctl run [-o OPTION,...] [--] COMMAND [ARGUMENT...]\n"
		"Runs COMMAND with TMPDIR, TMP and TEMP on a spoolfs mount of its own, wiped and\n"
		"unmounted when it ends. Ends with COMMAND's exit status. OPTIONs: see spoolfs(8).",
	.allowed = "[-o OPTION,...] [--] COMMAND",
	.short_options = "+:o:", /* what follows COMMAND is the command's */
	.long_options = long_options,
};

static int add_options(struct run *run, const char *more)
{
	if (options_join(&run->options, more) == 0)
		return 0;
	fputs("spoolctl: run: out of memory\n", stderr);
	return EXIT_FAILED;
}

int cmd_run(int argc, char *argv[])
{
	struct run run = {.daemon = {.holder = -1, .alive = -1}};
	int option, r = add_options(&run, "layout=single,log_level=warning");

	while (r == 0 && (option = usage_next(&usage, argc, argv)) == 'o')
		r = add_options(&run, optarg);
	run.command = argv + optind;
	if (r == 0 && option == '?')
		r = EXIT_USAGE;
	else if (r == 0 && option != 'h' && optind >= argc)
		r = usage_error(&usage, NULL, "no command");
	else if (r == 0 && option != 'h')
		r = run_command(&run);
	free(run.options);
	return r;
}
