/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The keeper of spoolctl run: the process between it and the command, when what the command leaves
 * running is to be waited for, or ended.
 *
 * It is the subreaper of all that the command starts, so that nobody gets away by a double fork or
 * a session of his own, and has no children but these. When spoolctl is killed it ends them all,
 * and with it the mount. When it is killed itself, spoolctl gets its children and does the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spoolctl/run_child.h"

/* Between SIGTERM and SIGKILL. As long as a shell's clean-up may take; a guess. */
#define RUN_KEEPER_KILL_MS 5000

/**
 * struct run_keeper - what it has to do
 * @kill: what the command leaves running is ended; else it is waited for
 * @child: as spoolctl has prepared it; the keeper's own child is the command
 * @descriptors: @n that the mount lasts for as long as they are open
 * @start: in the command's process, becomes the command; gets @arg and its parent's pid
 */
struct run_keeper {
	bool kill;
	struct run_child child;
	const int *descriptors;
	size_t n;
	void (*start)(void *arg, pid_t parent);
	void *arg;
};

/**
 * run_keeper_serve() - in a child of spoolctl: be the keeper
 * @parent: spoolctl. SIGINT, SIGTERM or SIGQUIT, once the command has ended, end the rest.
 * Return: an exit status, the command's, when nothing is left.
 */
int run_keeper_serve(struct run_keeper *keeper, pid_t parent);

/**
 * run_keeper_end_rest() - in spoolctl, whose keeper was killed: end all processes below
 * @child: as the keeper had it
 */
void run_keeper_end_rest(const struct run_child *child);
