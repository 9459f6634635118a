/* SPDX-License-Identifier: MIT */

#include "bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/execute.h"
#include "bench/result.h"
#include "bench/settle.h"

/* Long enough that a round is not lost in the noise of a timer tick or two (4 ms). Guesses. */
#define TARGET_NS (200 * 1000 * 1000)
#define TARGET_QUICK_NS (10 * 1000 * 1000)

#define N_MIN 16u
#define N_MAX (1u << 20)

static int run_once(struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	int r = task->workload->prepare ? task->workload->prepare(task) : 0;

	if (r == 0)
		r = task->workload->run(task, ret_ns);
	bench_settle(task->dirfd);
	return r;
}

/* Finds how often a run does the work, by the speed of the first place. */
static int find_n(struct bench_task *task)
{
	double target = task->setup->quick ? TARGET_QUICK_NS : TARGET_NS, ns[BENCH_FIGURES], n;
	int r;

	for (task->n = N_MIN;; task->n *= 4) {
		r = run_once(task, ns);
		if (r < 0)
			return r;
		if (ns[0] * (double)(task->n * task->n_threads) >= target / 8 || task->n >= N_MAX)
			break;
	}
	n = target / ns[0] / task->n_threads;
	task->n = n > N_MAX ? N_MAX : n < N_MIN ? N_MIN : (uint64_t)n;
	return 0;
}

static int complain(const struct bench_task *task, const char *dir, int error)
{
	fprintf(stderr, "spoolbench: %s: %s: %s\n", task->workload->name, dir,
		error == -ECANCELED ? "a program has failed" : strerror(-error));
	return error;
}

/* One run in place @place. Return: as run(), after a line for what is a failure. */
static int run_in(struct bench_task *task, unsigned int place, bool find,
		  double ret_ns[BENCH_FIGURES])
{
	const char *dir = task->setup->places[place].dir;
	int r;

	task->dir = dir;
	task->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (task->dirfd < 0)
		return complain(task, dir, -errno);
	r = find ? find_n(task) : run_once(task, ret_ns);
	close(task->dirfd);
	task->dirfd = -1;
	return r == 0 || r == BENCH_UNSUPPORTED ? r : complain(task, dir, r);
}

static int run_rounds(struct bench_task *task, struct bench_row *rows)
{
	const struct bench_setup *setup = task->setup;
	unsigned int n_figures = bench_figures(task->workload);

	for (unsigned int i = 0; i < setup->n_rounds * setup->n_places; i++) {
		unsigned int round = i / setup->n_places;
		unsigned int place = (i + round) % setup->n_places;
		double ns[BENCH_FIGURES];
		int r = run_in(task, place, false, ns);

		if (r < 0 && r != BENCH_UNSUPPORTED)
			return r;
		for (unsigned int figure = 0; r == 0 && figure < n_figures; figure++)
			rows[figure].ns[round][place] = ns[figure];
	}
	return 0;
}

static int run_with_threads(struct bench_task *task, bool progress, struct bench_result *result)
{
	const struct bench_workload *workload = task->workload;
	struct bench_row *rows;
	int r = 0;

	if (progress)
		fprintf(stderr, "spoolbench: %s, %u thread(s)\n", workload->name, task->n_threads);
	task->n = task->setup->quick ? workload->n_quick : workload->n;
	if (task->n == 0)
		r = run_in(task, 0, true, NULL);
	if (r == BENCH_UNSUPPORTED) { /* the first place cannot do this */
		task->n = N_MIN;
		r = 0;
	}
	rows = r == 0 ? bench_result_add(result, workload, task->n_threads) : NULL;
	if (r == 0 && !rows)
		return complain(task, task->setup->places[0].dir, -ENOMEM);
	return rows ? run_rounds(task, rows) : r;
}

int bench_run(const struct bench_setup *setup, const struct bench_workload *workload, bool progress,
	      struct bench_result *result)
{
	struct bench_task task = {.setup = setup, .workload = workload, .dirfd = -1};
	unsigned int n = workload->threaded ? setup->n_threads : 1;
	int r = 0;

	if (workload->program && !bench_has_program(workload->program)) {
		fprintf(stderr, "spoolbench: %s: no %s in PATH: left out\n", workload->name,
			workload->program);
		return 0;
	}
	for (unsigned int i = 0; i < n && r == 0; i++) {
		task.n_threads = workload->threaded ? setup->threads[i] : 1;
		r = run_with_threads(&task, progress, result);
	}
	return r;
}
