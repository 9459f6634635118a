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

/**
 * usage_operand() - the operand of a command that has exactly one, and no option but --help
 * @what: said when it is missing: "no mount"
 * @ret_operand: set when it is there
 * Return: -1: it is; else the exit status, after a line or the help.
 */
int usage_operand(const struct usage *usage, int argc, char *argv[], const char *what,
		  const char **ret_operand);

/** usage_failed() - say in one line that @who (struct usage) has failed on @value, and @why.
 * Return: EXIT_FAILED. */
int usage_failed(const char *who, const char *value, const char *why);
