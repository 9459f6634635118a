/* SPDX-License-Identifier: MIT */
#include "bench/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/usage.h"
#include "util/rmtree.h"

#define WORK_DIR "spoolbench-XXXXXX"

/* A directory of our own in @parent. Return: NULL, after a line. */
static char *work_dir(const char *parent)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", parent, WORK_DIR) < 0)
		path = NULL;
	if (path && mkdtemp(path))
		return path;
	fprintf(stderr, "spoolbench: %s: %s\n", parent, strerror(errno));
	free(path);
	return NULL;
}

int bench_setup_add(struct bench_setup *setup, const char *argument)
{
	const char *equals = strchr(argument, '='), *dir = equals ? equals + 1 : argument;
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	struct bench_place *place = &setup->places[setup->n_places];

	if (setup->n_places == BENCH_PLACES) {
		fprintf(stderr, "spoolbench: %s: too many (allowed: %u directories)\n", argument,
			BENCH_PLACES);
		return EXIT_USAGE;
	}
	if (equals && (len == 0 || len >= BENCH_LABEL)) {
		fprintf(stderr, "spoolbench: %s: a name of %zu bytes (allowed: 1 to %u)\n",
			argument, len, BENCH_LABEL - 1);
		return EXIT_USAGE;
	}
	/* of a long path the end tells more */
	if (!equals && len >= BENCH_LABEL)
		argument += len - (BENCH_LABEL - 1);
	snprintf(place->label, sizeof(place->label), "%.*s", (int)len, argument);
	place->base = strdup(dir);
	setup->n_places += place->base != NULL;
	return place->base ? EXIT_OK : EXIT_FAILED;
}

int bench_setup_make(struct bench_setup *setup, const char *scratch)
{
	for (unsigned int i = 0; i < setup->n_places; i++) {
		setup->places[i].dir = work_dir(setup->places[i].base);
		if (!setup->places[i].dir)
			return EXIT_FAILED;
	}
	if (!scratch)
		scratch = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	setup->scratch = work_dir(scratch);
	return setup->scratch ? EXIT_OK : EXIT_FAILED;
}

void bench_setup_remove(struct bench_setup *setup)
{
	for (unsigned int i = 0; i < setup->n_places; i++) {
		if (setup->places[i].dir)
			spool_rmtree(setup->places[i].dir);
		free(setup->places[i].dir);
		free(setup->places[i].base);
	}
	if (setup->scratch)
		spool_rmtree(setup->scratch);
	free(setup->scratch);
}
