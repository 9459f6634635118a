/* SPDX-License-Identifier: MIT */

/* What those wait who have small files, while somebody else's large one goes to the disk. */

#include "bench/workload_spill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/data.h"
#include "bench/workload_life.h"
#include "util/macros.h"

#define NAME "stream"
#define PIECE ((size_t)64 * 1024)
#define LIVES_MAX (1u << 20) /* that are remembered: of 26 s of lives of 25 us, which tmpfs needs */
#define PERCENTILE 99u

struct lives {
	uint32_t *ns; /* of each, 4 s at most */
	size_t n;
};

/* The other process. Return: its exit status, 0 or an errno. */
static int write_stream(const struct bench_task *task)
{
	int fd = openat(task->dirfd, NAME, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600), r;
	char *data = bench_data_new();

	if (fd < 0 || !data)
		return fd < 0 ? errno : ENOMEM;
	r = bench_data_write(fd, data, PIECE, task->n);
	return r < 0 ? -r : fsync(fd) < 0 ? errno : 0;
}

/* Return: whether @writer has ended; *@ret is 0, or the -errno that stopped it. */
static bool has_ended(pid_t writer, int *ret)
{
	int status;
	pid_t pid = waitpid(writer, &status, WNOHANG);

	*ret = pid < 0 ? -errno : 0;
	if (pid == writer)
		*ret = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECANCELED;
	return pid != 0;
}

static int live_until_end(const struct bench_task *task, pid_t writer, struct lives *lives)
{
	char buffer[4096] = {0}, name[32];
	int r, ended = 0;

	do {
		int64_t from = bench_now_ns();

		snprintf(name, sizeof(name), "tmp.%zx", lives->n);
		r = bench_life_once(task->dirfd, LIFE_NAMED, name, buffer, sizeof(buffer));
		if (lives->n < LIVES_MAX)
			lives->ns[lives->n++] = (uint32_t)spool_min_u64(
				(uint64_t)(bench_now_ns() - from), UINT32_MAX);
	} while (r == 0 && !has_ended(writer, &ended));
	if (r < 0) /* then it has not been waited for */
		waitpid(writer, NULL, 0);
	return r < 0 ? r : ended;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void evaluate(const struct lives *lives, double ret_ns[BENCH_FIGURES])
{
	double sum = 0;

	qsort(lives->ns, lives->n, sizeof(*lives->ns), compare);
	for (size_t i = 0; i < lives->n; i++)
		sum += lives->ns[i];
	ret_ns[0] = sum / (double)lives->n;
	ret_ns[1] = lives->ns[lives->n * PERCENTILE / 100];
}

int bench_spill_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	spool_cleanup(free) uint32_t *ns = malloc(LIVES_MAX * sizeof(*ns));
	struct lives lives = {.ns = ns};
	int64_t from = bench_now_ns();
	pid_t writer;
	int r;

	if (!ns)
		return -ENOMEM;
	writer = fork();
	if (writer < 0)
		return -errno;
	if (writer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(write_stream(task));
	}
	r = live_until_end(task, writer, &lives);
	ret_ns[2] = (double)(bench_now_ns() - from) / (double)task->n;
	unlinkat(task->dirfd, NAME, 0);
	if (r == 0)
		evaluate(&lives, ret_ns);
	return r;
}
