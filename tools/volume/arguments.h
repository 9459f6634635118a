/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line. */

#include <stdbool.h>

/** struct arguments - @defaults is from malloc(3), the caller's; "" none */
struct arguments {
	char *defaults;
	const char *socket, *directory;
	bool done; /* --help or --version was all that was wanted */
};

/** arguments_read() - Return: EXIT_OK; EXIT_USAGE, EXIT_FAILED (a line was written). */
int arguments_read(int argc, char *argv[], struct arguments *ret);
