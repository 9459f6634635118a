/* SPDX-License-Identifier: MIT */
#include "common/usage.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

int usage_error(const struct usage *usage, const char *value, const char *what)
{
	fprintf(stderr, "%s: ", usage->who);
	if (value) {
		text_put(stderr, value);
		fputs(": ", stderr);
	}
	fprintf(stderr, "%s (allowed: %s)\n", what, usage->allowed);
	return EXIT_USAGE;
}

int usage_next(const struct usage *usage, int argc, char *argv[])
{
	char letter[] = "-?";
	const char *last;
	int option;

	opterr = 0; /* its lines do not say what is allowed */
	option = getopt_long(argc, argv, usage->short_options, usage->long_options, NULL);
	if (option == 'h' && usage->help)
		puts(usage->help);
	if (option != '?' && option != ':')
		return option;
	last = argv[optind - 1];
	if (strncmp(last, "--", 2) != 0) { /* one letter of perhaps several */
		letter[1] = (char)optopt;
		last = letter;
	}
	usage_error(usage, last, option == ':' ? "needs a value" : "not expected");
	return '?';
}
