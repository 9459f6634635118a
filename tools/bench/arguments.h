/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line of spoolbench(1). */

#include <stdbool.h>

#include "bench/mounts.h"
#include "bench/setup.h"

#define BENCH_WORKLOADS 24u

struct bench_workload;

/** struct bench_arguments - what was asked for; all pointers are borrowed from argv */
struct bench_arguments {
	const struct bench_workload *workloads[BENCH_WORKLOADS];
	unsigned int n_workloads;
	const char *json, *scratch, *options;
	char **dirs;
	unsigned int n_dirs;
	int mounts[BENCH_MOUNTS]; /* by their numbers */
	unsigned int n_mounts;
	bool markdown;
	bool done; /* nothing is to be measured: --help was asked for, or the like */
};

/**
 * arguments_parse() - read @argv
 * @setup: gets rounds, threads and quick
 * Return: EXIT_OK; EXIT_USAGE, after a line on standard error.
 */
int arguments_parse(int argc, char *argv[], struct bench_arguments *ret, struct bench_setup *setup);
