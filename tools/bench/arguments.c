/* SPDX-License-Identifier: MIT */
#include "bench/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workloads.h"
#include "common/usage.h"
#include "util/macros.h"

#define ROUNDS 7u

enum { OPT_MOUNTS = 1, OPT_MARKDOWN, OPT_LIST, OPT_JSON, OPT_SCRATCH, OPT_VERSION };

static const struct option long_options[] = {
	{"rounds", required_argument, NULL, 'r'},
	{"workload", required_argument, NULL, 'w'},
	{"threads", required_argument, NULL, 't'},
	{"quick", no_argument, NULL, 'q'},
	{"mounts", optional_argument, NULL, OPT_MOUNTS},
	{"options", required_argument, NULL, 'o'},
	{"markdown", no_argument, NULL, OPT_MARKDOWN},
	{"json", required_argument, NULL, OPT_JSON},
	{"scratch", required_argument, NULL, OPT_SCRATCH},
	{"list", no_argument, NULL, OPT_LIST},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	printf("usage: spoolbench [OPTION...] [NAME=]DIRECTORY...\n"
	       "       spoolbench --mounts[=M,...] [-o MOUNTOPTIONS] [OPTION...] "
	       "[[NAME=]DIRECTORY...]\n"
	       "Does the same work in each directory, in turn, and compares with the first.\n\n"
	       "  --mounts[=M,...]   what is mounted for this run alone; all without a list:\n"
	       "                     " BENCH_MOUNTS_OTHERS ",\n"
	       "                     " BENCH_MOUNTS_SPOOLFS ",\n"
	       "                     " BENCH_MOUNTS_TIERS "\n"
	       "  -o, --options OPT  for these spoolfs mounts; see spoolfs(8)\n"
	       "  -r, --rounds N     how often, 1 to %u (default: %u)\n"
	       "  -w, --workload W   W[,W...] (default: all; see --list)\n"
	       "  -t, --threads N    N[,N...], 1 to %u each (default: 1,2,4)\n"
	       "  -q, --quick        little work: to see that it works, not for figures\n"
	       "  --scratch DIR      for input that is not measured (default: /dev/shm, or /tmp)\n"
	       "  --markdown         a table for a README\n"
	       "  --json FILE        all figures (-: standard output, and no table)\n"
	       "  --list             what work there is\n",
	       BENCH_ROUNDS, ROUNDS, BENCH_THREADS);
}

static void print_list(void)
{
	size_t n;
	const struct bench_workload *workloads = bench_workloads(&n);

	for (size_t i = 0; i < n; i++)
		printf("%-18s %s\n", workloads[i].name, workloads[i].what);
}

static int refuse(const char *option, const char *value, size_t len, const char *allowed)
{
	fprintf(stderr, "spoolbench: %s: %.*s (allowed: %s)\n", option, (int)len, value, allowed);
	return EXIT_USAGE;
}

/* Reads the number in the first @len bytes of @text. Return: the number, 1 to @max; 0: there is
 * none such. */
static unsigned int number_in(const char *text, size_t len, unsigned int max)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || n > max)
			return 0;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	return n <= max ? n : 0;
}

/* Calls @add for each part of @list. Return: the first that is not EXIT_OK. */
static int for_each(const char *list, void *arg,
		    int (*add)(void *arg, const char *part, size_t len))
{
	for (;;) {
		size_t len = strcspn(list, ",");
		int r = add(arg, list, len);

		if (r != EXIT_OK || !list[len])
			return r;
		list += len + 1;
	}
}

static int add_workload(void *arg, const char *name, size_t len)
{
	struct bench_arguments *arguments = arg;
	const struct bench_workload *workload = bench_workload_find(name, len);

	if (!workload || arguments->n_workloads == BENCH_WORKLOADS)
		return refuse("--workload", name, len, "what --list shows, each once");
	for (unsigned int i = 0; i < arguments->n_workloads; i++) {
		if (arguments->workloads[i] == workload)
			return refuse("--workload", name, len, "each once");
	}
	arguments->workloads[arguments->n_workloads++] = workload;
	return EXIT_OK;
}

static int add_mount(void *arg, const char *name, size_t len)
{
	struct bench_arguments *arguments = arg;
	int number = bench_mounts_find(name, len);

	for (unsigned int i = 0; i < arguments->n_mounts && number >= 0; i++) {
		if (arguments->mounts[i] == number)
			number = -1;
	}
	if (number < 0)
		return refuse("--mounts", name, len,
			      BENCH_MOUNTS_OTHERS ", " BENCH_MOUNTS_SPOOLFS ", " BENCH_MOUNTS_TIERS
						  ", each once");
	arguments->mounts[arguments->n_mounts++] = number;
	return EXIT_OK;
}

static int take_mounts(struct bench_arguments *arguments, const char *list)
{
	arguments->n_mounts = 0; /* the last --mounts counts */
	if (list)
		return for_each(list, arguments, add_mount);
	while (arguments->n_mounts < BENCH_MOUNTS) {
		arguments->mounts[arguments->n_mounts] = (int)arguments->n_mounts;
		arguments->n_mounts++;
	}
	return EXIT_OK;
}

static int add_threads(void *arg, const char *text, size_t len)
{
	struct bench_setup *setup = arg;
	unsigned int n = number_in(text, len, BENCH_THREADS);

	if (n == 0 || setup->n_threads == SPOOL_ARRAY_SIZE(setup->threads))
		return refuse("--threads", text, len, "up to 8 numbers from 1 to 64");
	setup->threads[setup->n_threads++] = n;
	return EXIT_OK;
}

static int take_option(int option, char *value, struct bench_arguments *ret,
		       struct bench_setup *setup)
{
	switch (option) {
	case 'r':
		setup->n_rounds = number_in(value, strlen(value), BENCH_ROUNDS);
		return setup->n_rounds ? EXIT_OK
				       : refuse("--rounds", value, strlen(value), "1 to 99");
	case 'w':
		return for_each(value, ret, add_workload);
	case 't':
		return for_each(value, setup, add_threads);
	case 'q':
		setup->quick = true;
		break;
	case 'o':
		ret->options = value;
		break;
	case OPT_MOUNTS:
		return take_mounts(ret, value);
	case OPT_MARKDOWN:
		ret->markdown = true;
		break;
	case OPT_JSON:
		ret->json = value;
		break;
	case OPT_SCRATCH:
		ret->scratch = value;
		break;
	default: /* usage_next() has printed the reason */
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int defaults(struct bench_arguments *ret, struct bench_setup *setup)
{
	size_t n;
	const struct bench_workload *workloads = bench_workloads(&n);

	if (ret->n_mounts == 0 && ret->options) {
		fputs("spoolbench: -o: only with --mounts\n", stderr);
		return EXIT_USAGE;
	}
	if (ret->n_mounts == 0 && ret->n_dirs == 0) {
		fputs("spoolbench: no directory (allowed: [NAME=]DIRECTORY..., --mounts)\n",
		      stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; ret->n_workloads == 0 || (i > 0 && i < n); i++)
		ret->workloads[ret->n_workloads++] = &workloads[i];
	if (setup->n_threads == 0) {
		for (unsigned int i = 1; i <= 4; i *= 2)
			setup->threads[setup->n_threads++] = i;
	}
	return EXIT_OK;
}

static const struct usage usage = {
	.who = "spoolbench",
	.allowed = "see spoolbench --help",
	.short_options = ":r:w:t:qo:h",
	.long_options = long_options,
};

int arguments_parse(int argc, char *argv[], struct bench_arguments *ret, struct bench_setup *setup)
{
	int option, r;

	*ret = (struct bench_arguments){0};
	setup->n_rounds = ROUNDS;
	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option == 'h' || option == OPT_LIST || option == OPT_VERSION) {
			if (option == 'h')
				print_help();
			else if (option == OPT_LIST)
				print_list();
			else
				puts("spoolbench " SPOOL_VERSION);
			ret->done = true;
			return EXIT_OK;
		}
		r = take_option(option, optarg, ret, setup);
		if (r != EXIT_OK)
			return r;
	}
	ret->dirs = argv + optind;
	ret->n_dirs = (unsigned int)(argc - optind);
	return defaults(ret, setup);
}
