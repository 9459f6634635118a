/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line of spoolctl run. */

#include <stdbool.h>

/* What is done with the processes that the command has left running. */
enum run_rest {
	RUN_REST_LEFT, /* nothing: their files are gone */
	RUN_REST_WAIT, /* they are waited for */
	RUN_REST_KILL, /* they are ended */
};

/**
 * struct run_options - what was asked for
 * @mount: options for the daemon, to be freed
 * @command: the command and its arguments, a part of argv; NULL: the help was asked for, and given
 */
struct run_options {
	char *mount;
	char **command;
	bool tmp;
	enum run_rest rest;
};

/**
 * run_options_read() - read argv
 * @root: the caller is root
 * Return: EXIT_OK; EXIT_USAGE, EXIT_FAILED after a line. *@ret is to be freed in any case.
 */
int run_options_read(int argc, char *argv[], bool root, struct run_options *ret);

/** run_options_free() - what read has allocated. */
void run_options_free(struct run_options *options);
