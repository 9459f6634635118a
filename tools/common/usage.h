/* SPDX-License-Identifier: MIT */
#pragma once

/* Exit statuses, and the messages about wrong usage. */

#include <getopt.h>

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/**
 * struct usage - of a program or of one of its commands
 * @who: in front of lines on standard error: "spoolctl: run"
 * @help: what --help prints, without a newline at the end; NULL: the caller prints it
 * @allowed: what may stand on the command line, for an error's line
 * @short_options, @long_options: of getopt_long(3)
 */
struct usage {
	const char *who, *help, *allowed;
	const char *short_options;
	const struct option *long_options;
};

/**
 * usage_next() - the next option, as getopt_long(3) finds it
 * Return: -1 at the end; '?' for a wrong option, after a line; 'h' after printing the help.
 */
int usage_next(const struct usage *usage, int argc, char *argv[]);

/**
 * usage_error() - say what is wrong, in one line
 * @value: what stands on the command line, NULL for nothing
 * Return: EXIT_USAGE.
 */
int usage_error(const struct usage *usage, const char *value, const char *what);
