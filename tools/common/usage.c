/* SPDX-License-Identifier: MIT */
#include "common/usage.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

int usage_error(const struct usage *usage, const char *value, const char *what)
{
	fprintf(stderr, "%s: ", usage->who);
	if (value) {
		spool_text_put(stderr, value);
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

int usage_operand(const struct usage *usage, int argc, char *argv[], const char *what,
		  const char **ret_operand)
{
	int option = usage_next(usage, argc, argv);

	if (option != -1)
		return option == 'h' ? EXIT_OK : EXIT_USAGE;
	if (optind == argc)
		return usage_error(usage, NULL, what);
	if (argc - optind > 1)
		return usage_error(usage, argv[optind + 1], "not expected");
	*ret_operand = argv[optind];
	return -1;
}

int usage_failed(const char *who, const char *value, const char *why)
{
	fprintf(stderr, "%s: ", who);
	spool_text_put(stderr, value);
	fprintf(stderr, ": %s\n", why);
	return EXIT_FAILED;
}
