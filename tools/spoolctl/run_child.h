/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The child of spoolctl run, and the signals that are meant for it.
 *
 * It stays in our process group, so that it has the terminal as if we were not there. What the
 * terminal sends reaches it without us; what others send to us is passed on.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define RUN_EXIT_NOT_EXECUTABLE 126 /* as in sh(1) */
#define RUN_EXIT_NOT_FOUND 127
#define RUN_EXIT_SIGNAL 128

/** struct run_child - the child, and what we were started with */
struct run_child {
	pid_t pid;
	bool terminal;            /* there is a shell that may want to stop and continue us */
	sigset_t signals;         /* what is blocked and taken with sigwaitinfo(2) */
	sigset_t inherited;       /* what was blocked when we were started */
	struct sigaction sigchld; /* what was done with it then */
};

/** run_child_prepare() - block what is to be passed on, before anything is started */
void run_child_prepare(struct run_child *child);

/**
 * run_child_exec() - in the child: become the command, with the signals as we were given them
 * @parent: its parent; when that has gone, or goes, it gets SIGTERM
 */
__attribute__((noreturn)) void run_child_exec(const struct run_child *child, pid_t parent,
					      char *const command[]);

/** run_child_pass_on() - a signal that was taken, but for SIGCHLD */
void run_child_pass_on(const struct run_child *child, const siginfo_t *info);

/**
 * run_child_changed() - what waitpid(2) with WUNTRACED tells of it
 * When it has stopped we stop, too, and return when we are continued.
 * Return: true when it has ended, and *@ret_status, an exit status.
 */
bool run_child_changed(const struct run_child *child, int status, int *ret_status);
