/* SPDX-License-Identifier: MIT */
#pragma once

/* What is measured and how often: the places, and the directories that are made in them. */

#include <stdbool.h>

#define BENCH_PLACES 12u
#define BENCH_ROUNDS 99u
#define BENCH_THREADS 64u
#define BENCH_THREAD_NUMBERS 8u
#define BENCH_LABEL 24u /* bytes of a place's name, with the NUL */

/** struct bench_place - a directory that is measured */
struct bench_place {
	char label[BENCH_LABEL];
	char *base; /* as given */
	char *dir;  /* of our own in it, removed at the end; NULL until it is made */
};

/** struct bench_setup - what the command line says */
struct bench_setup {
	struct bench_place places[BENCH_PLACES]; /* the others are compared with the first */
	unsigned int n_places;
	unsigned int n_rounds;
	unsigned int threads
		[BENCH_THREAD_NUMBERS]; /* numbers of threads of the workloads that have them */
	unsigned int n_threads;
	bool quick;
	double load;   /* the load of the machine before the run; negative: not known */
	char *scratch; /* a directory of our own for input that is not measured */
};

/**
 * bench_setup_add() - add a place
 * @argument: [NAME=]DIRECTORY; a directory with a = in its path needs a name
 * Return: EXIT_OK; EXIT_USAGE, after a line on standard error; EXIT_FAILED out of memory.
 */
int bench_setup_add(struct bench_setup *setup, const char *argument);

/**
 * bench_setup_make() - make a directory of our own in each place and in @scratch
 * @scratch: NULL: in RAM where that can be had
 * Return: EXIT_OK; EXIT_FAILED, after a line, with some of them made.
 */
int bench_setup_make(struct bench_setup *setup, const char *scratch);

/** bench_setup_remove() - remove these directories with all that is in them; frees the places. */
void bench_setup_remove(struct bench_setup *setup);
