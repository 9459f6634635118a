/* SPDX-License-Identifier: MIT */

/* Large files: in order, and at random places. */

#include "bench/workload_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/data.h"
#include "bench/settle.h"
#include "util/macros.h"

#define NAME "stream"

#define MIB (1024u * 1024u)
#define RANDOM_FILE (64u * MIB)
#define REWRITE_QUICK (4u * MIB)
#define FILL "fill-%u"
#define FILL_SIZE (8u * MIB)
#define FILLS 64u
#define FILLS_QUICK 2u
#define REST_S 3 /* a large file has been written to a disk by then, where that is done at all */
#define DISK_READS 20000u /* at random places; a disk with moving heads takes minutes. A guess. */
#define DISK_READS_QUICK 100u
#define DISK_READ 4096u

static int read_all(int fd, char *buffer, size_t size, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += size) {
		ssize_t n = pread(fd, buffer, size, (off_t)at);

		if (n != (ssize_t)size)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* The time of a close belongs to the writing: some filesystems write only then. */
static int timed_write(const struct bench_task *task, char *data, double *ret_ns)
{
	int64_t from = bench_now_ns();
	int fd = openat(task->dirfd, NAME, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = bench_data_write(fd, data, task->workload->size, task->n);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	*ret_ns = (double)(bench_now_ns() - from) / (double)task->n;
	return r;
}

static int timed_read(const struct bench_task *task, char *buffer, double *ret_ns)
{
	int64_t from = bench_now_ns();
	int fd = openat(task->dirfd, NAME, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, buffer, task->workload->size, task->n);
	close(fd);
	*ret_ns = (double)(bench_now_ns() - from) / (double)task->n;
	return r;
}

int bench_stream_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	spool_cleanup(free) char *buffer = bench_data_new();
	int r;

	if (!buffer)
		return -ENOMEM;
	r = timed_write(task, buffer, &ret_ns[0]);
	for (int i = 0; i < 2 && r == 0; i++)
		r = timed_read(task, buffer, &ret_ns[1]);
	unlinkat(task->dirfd, NAME, 0);
	return r;
}

/* Files that take the memory which a filesystem has kept of others for reuse: spoolfs keeps 512 MiB
 * at most. They are below its threshold, so that they stay in RAM. */
static int fill(const struct bench_task *task, char *data)
{
	unsigned int n = task->setup->quick ? FILLS_QUICK : FILLS;
	char name[32];
	int r = 0;

	for (unsigned int i = 0; i < n && r == 0; i++) {
		spool_cleanup(fd) int fd = -1;

		snprintf(name, sizeof(name), FILL, i);
		fd = openat(task->dirfd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : bench_data_write(fd, data, task->workload->size, FILL_SIZE);
	}
	return r;
}

static void remove_fill(const struct bench_task *task)
{
	char name[32];

	for (unsigned int i = 0; i < FILLS; i++) {
		snprintf(name, sizeof(name), FILL, i);
		unlinkat(task->dirfd, name, 0);
	}
}

int bench_memory_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	spool_cleanup(free) char *data = bench_data_new();
	int r = data ? fill(task, data) : -ENOMEM;

	for (int i = 0; i < 2 && r == 0; i++) {
		r = timed_write(task, data, &ret_ns[i]);
		unlinkat(task->dirfd, NAME, 0);
		bench_settle(task->dirfd);
	}
	remove_fill(task);
	return r;
}

static off_t random_place(uint64_t *state, size_t size, uint64_t bytes)
{
	return (off_t)(bench_random(state) % (bytes / size) * size);
}

/* @n_times at places of the first @bytes of the file. */
static int timed_random(uint64_t n_times, size_t size, int fd, char *buffer, uint64_t bytes,
			bool reading, double *ret_ns)
{
	uint64_t state = BENCH_SEED;
	int64_t from = bench_now_ns();

	for (uint64_t i = 0; i < n_times; i++) {
		off_t at = random_place(&state, size, bytes);
		ssize_t n =
			reading ? pread(fd, buffer, size, at)
				: pwrite(fd, bench_data_at(buffer, size, (uint64_t)at), size, at);

		if (n != (ssize_t)size)
			return n < 0 ? -errno : -EIO;
	}
	*ret_ns = (double)(bench_now_ns() - from) / (double)n_times;
	return 0;
}

/* A new file, and what is to be written to it. Return: its descriptor; -errno. */
static int open_new(const struct bench_task *task, char **ret_buffer)
{
	int fd;

	*ret_buffer = bench_data_new();
	if (!*ret_buffer)
		return -ENOMEM;
	fd = openat(task->dirfd, NAME, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int bench_random_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	spool_cleanup(free) char *buffer = NULL;
	spool_cleanup(fd) int fd = -1;
	int r;

	fd = open_new(task, &buffer);
	if (fd < 0)
		return fd;
	r = bench_data_write(fd, buffer, task->workload->size, RANDOM_FILE);
	if (r == 0)
		r = timed_random(task->n, task->workload->size, fd, buffer, RANDOM_FILE, false,
				 &ret_ns[0]);
	if (r == 0)
		r = timed_random(task->n, task->workload->size, fd, buffer, RANDOM_FILE, true,
				 &ret_ns[1]);
	unlinkat(task->dirfd, NAME, 0);
	return r;
}

int bench_rewrite_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	uint64_t bytes = task->setup->quick ? REWRITE_QUICK : (uint64_t)task->workload->kind * MIB;
	spool_cleanup(free) char *buffer = NULL;
	spool_cleanup(fd) int fd = -1;
	int r;

	fd = open_new(task, &buffer);
	if (fd < 0)
		return fd;
	r = bench_data_write(fd, buffer, task->workload->size, bytes);
	if (r == 0 && !task->setup->quick)
		sleep(REST_S);
	if (r == 0)
		r = timed_random(task->n, task->workload->size, fd, buffer, bytes, false,
				 &ret_ns[0]);
	unlinkat(task->dirfd, NAME, 0);
	return r;
}

/* Nothing but the disk has the file then, as far as we may see to that: only root can have what a
 * filesystem below the file's has cached dropped. */
static void drop_caches(const struct bench_task *task, int fd)
{
	spool_cleanup(fd) int all = -1;

	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!task->setup->quick)
		all = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	if (all >= 0)
		(void)!write(all, "1", 1);
}

static int timed_disk_write(const struct bench_task *task, int fd, char *data, double *ret_ns)
{
	int64_t from = bench_now_ns();
	int r = bench_data_write(fd, data, task->workload->size, task->n);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	*ret_ns = (double)(bench_now_ns() - from) / (double)task->n;
	return r;
}

int bench_disk_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	uint64_t n_reads = task->setup->quick ? DISK_READS_QUICK : DISK_READS;
	spool_cleanup(free) char *buffer = NULL;
	spool_cleanup(fd) int fd = -1;
	int r;

	fd = open_new(task, &buffer);
	if (fd < 0)
		return fd;
	r = timed_disk_write(task, fd, buffer, &ret_ns[0]);
	if (r == 0 && !task->setup->quick)
		sleep(REST_S);
	drop_caches(task, fd);
	if (r == 0)
		r = timed_read(task, buffer, &ret_ns[1]);
	drop_caches(task, fd);
	if (r == 0)
		r = timed_random(n_reads, DISK_READ, fd, buffer, task->n, true, &ret_ns[2]);
	unlinkat(task->dirfd, NAME, 0);
	return r;
}
