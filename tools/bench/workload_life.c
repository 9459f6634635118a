/* SPDX-License-Identifier: MIT */

/* The whole life of a temporary file, many times over, by one or more threads. */

#include "bench/workload_life.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "util/macros.h"

/* Threads wait for its lock, which the first one holds until all are there. */
struct life_gate {
	pthread_mutex_t lock;
	bool closed; /* a thread could not be started: the others end */
};

struct life_thread {
	pthread_t id;
	const struct bench_task *task;
	struct life_gate *gate;
	unsigned int index;
	char *buffer;
	int error;
};

static int write_and_read(int fd, char *buffer, size_t size)
{
	ssize_t n = pwrite(fd, buffer, size, 0);

	if (n == (ssize_t)size)
		n = pread(fd, buffer, size, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)size ? 0 : -EIO;
}

int bench_life_once(int dirfd, enum bench_life_kind kind, const char *name, char *buffer,
		    size_t size)
{
	int r = 0;
	int fd = kind == LIFE_UNNAMED
			 ? openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
			 : openat(dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return kind == LIFE_UNNAMED && errno == EISDIR ? BENCH_UNSUPPORTED : -errno;
	if (kind == LIFE_UNLINK_FIRST && unlinkat(dirfd, name, 0) < 0)
		r = -errno;
	if (r == 0)
		r = write_and_read(fd, buffer, size);
	close(fd);
	if (kind == LIFE_NAMED && unlinkat(dirfd, name, 0) < 0 && r == 0)
		r = -errno;
	return r;
}

static void live(struct life_thread *thread)
{
	const struct bench_task *task = thread->task;
	char name[48];

	for (uint64_t i = 0; i < task->n && thread->error == 0; i++) {
		snprintf(name, sizeof(name), "tmp%u.%llx", thread->index, (unsigned long long)i);
		thread->error =
			bench_life_once(task->dirfd, (enum bench_life_kind)task->workload->kind,
					name, thread->buffer, task->workload->size);
	}
}

static void *live_main(void *arg)
{
	struct life_thread *thread = arg;
	bool closed;

	pthread_mutex_lock(&thread->gate->lock);
	closed = thread->gate->closed;
	pthread_mutex_unlock(&thread->gate->lock);
	if (!closed)
		live(thread);
	return NULL;
}

static int run_threads(const struct bench_task *task, struct life_thread *threads,
		       double ret_ns[BENCH_FIGURES])
{
	struct life_gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned int n = 1;
	int64_t from;
	int r = 0;

	pthread_mutex_lock(&gate.lock);
	for (; n < task->n_threads && r == 0; n++) {
		threads[n].gate = &gate;
		r = -pthread_create(&threads[n].id, NULL, live_main, &threads[n]);
	}
	if (r < 0)
		n--; /* the last thread was not started */
	gate.closed = r < 0;
	from = bench_now_ns();
	pthread_mutex_unlock(&gate.lock);
	if (r == 0)
		live(&threads[0]);
	for (unsigned int i = 1; i < n; i++)
		pthread_join(threads[i].id, NULL);
	ret_ns[0] = (double)(bench_now_ns() - from) / (double)(task->n * task->n_threads);
	for (unsigned int i = 0; i < n && r == 0; i++)
		r = threads[i].error;
	pthread_mutex_destroy(&gate.lock);
	return r;
}

int bench_life_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	struct life_thread threads[BENCH_THREADS] = {0};
	spool_cleanup(free) char *buffers = calloc(task->n_threads, task->workload->size);

	if (!buffers)
		return -ENOMEM;
	memset(buffers, 'x', task->n_threads * task->workload->size);
	for (unsigned int i = 0; i < task->n_threads; i++) {
		threads[i] = (struct life_thread){
			.task = task, .index = i, .buffer = buffers + i * task->workload->size};
	}
	return run_threads(task, threads, ret_ns);
}
