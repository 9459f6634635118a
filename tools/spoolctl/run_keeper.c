/* SPDX-License-Identifier: MIT */
#include "spoolctl/run_keeper.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/usage.h"
#include "spoolctl/descendants.h"
#include "util/descriptors.h"
#include "util/text.h"

/* What was forked while we looked is found when we look again. A guess. */
#define LOOK_AGAIN_MS 100

struct keep {
	struct run_child child; /* pid: 0 when it has ended, with @status */
	pid_t parent;           /* who passes signals on to us; another one when that is gone */
	int status;
	bool kill;
	int asked; /* the last signal passed on that asks for an end */
	bool ending;
	int64_t kill_at; /* when @ending */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* SIGTERM is for those that are there now: what they start to clean up has its time. */
static void begin_to_end(struct keep *keep)
{
	if (keep->ending)
		return;
	keep->ending = true;
	keep->kill_at = now_ms() + RUN_KEEPER_KILL_MS;
	descendants_signal(SIGTERM);
}

/* Nobody else tells that somebody is waited for. */
static void say_who_is_waited_for(void)
{
	struct process *all = NULL;
	size_t n = 0;

	if (!isatty(STDERR_FILENO) || descendants_find("/proc", getpid(), &all, &n) < 0)
		return;
	if (n > 0) {
		fprintf(stderr,
			"spoolctl: run: waiting for %zu process%s that the command has left, such "
			"as ",
			n, n == 1 ? "" : "es");
		spool_text_put(stderr, all[0].name);
		fprintf(stderr, ", pid %d (^C ends them)\n", all[0].pid);
	}
	free(all);
}

/* Not SIGHUP: who is left when the terminal goes, as by nohup(1), wants to stay. */
static bool asks_for_end(int sig)
{
	return sig == SIGINT || sig == SIGTERM || sig == SIGQUIT;
}

static void command_has_ended(struct keep *keep)
{
	keep->child.pid = 0;
	/* Who sends SIGTERM wants all of it to end. The others also mean other things, unless it
	 * was they that have ended the command. */
	if (keep->kill || keep->asked == SIGTERM ||
	    (keep->asked && keep->status == RUN_EXIT_SIGNAL + keep->asked))
		begin_to_end(keep);
	else
		say_who_is_waited_for();
}

/* Return: false: there is no process left. */
static bool reap(struct keep *keep)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid == keep->child.pid &&
		    run_child_changed(&keep->child, status, &keep->status))
			command_has_ended(keep);
	}
	return pid == 0;
}

/* Return: a signal, or -1 after some time. */
static int take_signal(const struct keep *keep, siginfo_t *info)
{
	struct timespec timeout = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};

	return keep->ending ? sigtimedwait(&keep->child.signals, info, &timeout)
			    : sigwaitinfo(&keep->child.signals, info);
}

/* While there is the command, what others send to all of us has reached it; then it is for us. */
static void act_on(struct keep *keep, const siginfo_t *info)
{
	int sig = info->si_signo;

	if (keep->child.pid != 0 && info->si_pid == keep->parent) {
		if (asks_for_end(sig))
			keep->asked = sig;
		run_child_pass_on(&keep->child, info);
	} else if (keep->child.pid == 0 && asks_for_end(sig)) {
		begin_to_end(keep);
	} else if (keep->child.pid == 0 && sig == SIGTSTP && keep->child.terminal) {
		raise(SIGSTOP);
	}
}

/* Waits until all processes below us are gone. */
static void keep(struct keep *keep)
{
	while (reap(keep)) {
		siginfo_t info;
		int sig = take_signal(keep, &info);

		/* of two signals that wait the lower number is taken first: before SIGCHLD */
		if (!reap(keep))
			return;
		if (getppid() != keep->parent)
			begin_to_end(keep);
		else if (sig > 0 && sig != SIGCHLD)
			act_on(keep, &info);
		if (keep->ending && now_ms() >= keep->kill_at)
			descendants_signal(SIGKILL);
	}
}

int run_keeper_serve(struct run_keeper *keeper, pid_t parent)
{
	struct keep state = {.child = keeper->child, .parent = parent, .kill = keeper->kill};
	pid_t self = getpid();

	prctl(PR_SET_NAME, "spoolctl-keeper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* to be woken: it is blocked */
	if (getppid() != parent)
		return RUN_EXIT_SIGNAL + SIGTERM;
	state.child.pid = fork();
	if (state.child.pid == 0)
		keeper->start(keeper->arg, self);
	if (state.child.pid < 0) {
		fprintf(stderr, "spoolctl: run: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	/* what we were given is the command's, and somebody may wait for its end */
	spool_stdio_to_null(STDOUT_FILENO);
	spool_keep_descriptors(keeper->descriptors, keeper->n);
	keep(&state);
	return state.status;
}

void run_keeper_end_rest(const struct run_child *child)
{
	struct keep state = {.child = *child, .parent = getppid()};

	state.child.pid = 0;
	if (!reap(&state))
		return;
	begin_to_end(&state);
	keep(&state);
}
