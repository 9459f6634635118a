/* SPDX-License-Identifier: MIT */
#include "life/system_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/pace.h"

struct real_system {
	struct spool_life_system system;
	const struct spool_host *host;
	int proc, numbers, cgroup, epoll;
	bool hides;
	bool has_begun;
	struct spool_pace pace; /* of the thread that looks */
};

static const char *const names[] = {
	[SPOOL_PROCESS_STAT] = "stat",
	[SPOOL_PROCESS_STATUS] = "status",
	[SPOOL_PROCESS_SESSIONID] = "sessionid",
	[SPOOL_PROCESS_CGROUP] = "cgroup",
};

/* With hidepid= (proc(5)) others' processes are not there for us. It may come later: the first of a
 * pid namespace is there as long as that works. */
static int check_visible(const struct real_system *real)
{
	spool_cleanup(fd) int fd = -1;

	if (real->hides)
		return -EACCES;
	fd = openat(real->proc, "1/stat", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? 0 : errno == ENOENT || errno == EPERM ? -EACCES : -errno;
}

/* Why a process could not be opened by its number. */
static int why_not(const struct real_system *real, int error)
{
	int r;

	if (error == ESRCH)
		return -ESRCH;
	if (error != ENOENT)
		return -error;
	r = check_visible(real);
	return r < 0 ? r : -ESRCH;
}

static int open_process(void *ctx, pid_t pid)
{
	const struct real_system *real = ctx;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", pid);
	fd = openat(real->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? why_not(real, errno) : fd;
}

static int open_file(void *ctx, int process, pid_t pid, enum spool_process_file file)
{
	const struct real_system *real = ctx;
	char name[32];
	int fd;

	if (process >= 0) {
		fd = openat(process, names[file], O_RDONLY | O_CLOEXEC);
		return fd >= 0 ? fd : errno == ENOENT ? -ESRCH : -errno;
	}
	snprintf(name, sizeof(name), "%d/%s", pid, names[file]);
	fd = openat(real->proc, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? why_not(real, errno) : fd;
}

/* The kernel makes the whole text for one read from the beginning (single_open(), fs/seq_file.c).
 */
static ssize_t read_file(void *ctx, int file, char *buf, size_t size)
{
	ssize_t n = pread(file, buf, size - 1, 0);

	(void)ctx;
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n == (ssize_t)size - 1 ? -E2BIG : n;
}

static uid_t owner_of(void *ctx, int file)
{
	struct stat st;

	(void)ctx;
	return fstat(file, &st) < 0 ? (uid_t)-1 : st.st_uid;
}

static int sid_of(void *ctx, pid_t pid)
{
	pid_t sid = getsid(pid);

	(void)ctx;
	return sid < 0 ? -errno : sid;
}

static int list_some(const char *buf, long n, spool_each_process_fn each, void *arg)
{
	int r = 0;

	for (long at = 0; at < n && r == 0;) {
		const struct dirent64 *entry = (const void *)(buf + at);
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && pid <= INT_MAX && *end == '\0')
			r = each(arg, (pid_t)pid);
		at += entry->d_reclen;
	}
	return r;
}

/* Few at a time, no more than a name of NAME_MAX needs, so that they still live when they are
 * looked at: those with which readdir(3) fills its buffer have often handed over by then to others
 * that are not in it. */
static int list_all(int fd, spool_each_process_fn each, void *arg)
{
	_Alignas(struct dirent64) char buf[sizeof(struct dirent64)];
	long n;
	int r = 0;

	while (r == 0 && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) != 0)
		r = n < 0 ? -errno : list_some(buf, n, each, arg);
	return r;
}

static int list(void *ctx, spool_each_process_fn each, void *arg)
{
	const struct real_system *real = ctx;
	spool_cleanup(fd) int fd = -1;
	int r = check_visible(real);

	if (r < 0)
		return r;
	fd = openat(real->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : list_all(fd, each, arg);
}

/* How often a list of threads is begun again because one of them ended at the wrong moment, which
 * is a hundred nanoseconds long. A guess. */
#define LISTS_OF_THREADS 8

/* Bytes of a list for each thread (struct dirent64 with a name of up to 12), and for some more that
 * begin meanwhile. */
#define THREAD_ENTRY 32u
#define MORE_THREADS 64u

/* The kernel goes from thread to thread, and stops at one that has just ended (next_tid(),
 * fs/proc/base.c), which then is the last of the list. */
static bool is_whole(int fd, const char *buf, long n)
{
	const struct dirent64 *last = (const void *)buf;
	struct stat st;

	for (long at = 0; at < n; at += last->d_reclen)
		last = (const void *)(buf + at);
	return n > 0 && fstatat(fd, last->d_name, &st, 0) == 0;
}

/* In one call: the kernel finds its place again only as long as the thread there lives. */
static int list_task(int fd, char *buf, size_t size, spool_each_process_fn each, void *arg)
{
	for (unsigned int i = 0; i < LISTS_OF_THREADS; i++) {
		long n;

		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
		n = syscall(SYS_getdents64, fd, buf, size);
		if (n < 0)
			return errno == ENOENT || errno == ESRCH ? 0 : -errno;
		if ((size_t)n + THREAD_ENTRY <= size && is_whole(fd, buf, n))
			return list_some(buf, n, each, arg);
	}
	return -EAGAIN;
}

/* A directory's links: "." and its name, and one for each thread (proc_task_getattr(),
 * fs/proc/base.c). */
static int list_threads(void *ctx, pid_t pid, spool_each_process_fn each, void *arg)
{
	const struct real_system *real = ctx;
	spool_cleanup(fd) int fd = -1;
	struct stat st;
	char name[32], *buf;
	size_t size;
	int r;

	snprintf(name, sizeof(name), "%d/task", pid);
	if (fstatat(real->proc, name, &st, 0) < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	if (st.st_nlink <= 3)
		return 0;
	fd = openat(real->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	size = (st.st_nlink + MORE_THREADS) * THREAD_ENTRY;
	buf = spool_alloc(real->host, size);
	if (!buf)
		return -ENOMEM;
	r = list_task(fd, buf, size, each, arg);
	spool_free(real->host, buf);
	return r;
}

static int last_number(void *ctx)
{
	const struct real_system *real = ctx;
	char text[128];
	const char *word;
	ssize_t n;
	long number;

	if (real->numbers < 0)
		return -EOPNOTSUPP;
	n = read_file(ctx, real->numbers, text, sizeof(text));
	if (n < 0)
		return (int)n;
	word = strrchr(text, ' ');
	number = strtol(word ? word + 1 : text, NULL, 10);
	return number > 0 && number <= INT_MAX ? (int)number : -EIO;
}

static int add_watch(const struct real_system *real, int fd, uint32_t events, uint64_t token)
{
	struct epoll_event event = {.events = events | EPOLLET, .data.u64 = token};
	int r;

	if (epoll_ctl(real->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int watch_process(void *ctx, pid_t pid, uint64_t token)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : add_watch(ctx, fd, EPOLLIN, token);
}

static int watch_cgroup(void *ctx, const char *path, uint64_t token)
{
	const struct real_system *real = ctx;
	char name[PATH_MAX];
	int fd;

	if (real->cgroup < 0)
		return -EOPNOTSUPP;
	if (snprintf(name, sizeof(name), ".%s/cgroup.events", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = openat(real->cgroup, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : add_watch(real, fd, EPOLLPRI, token);
}

static int is_populated(void *ctx, int watch)
{
	char text[256];
	ssize_t n = read_file(ctx, watch, text, sizeof(text));

	if (n < 0)
		return n == -ENODEV ? 0 : (int)n;
	return strstr(text, "populated 0") == NULL;
}

static void close_handle(void *ctx, int handle)
{
	(void)ctx;
	spool_close(handle);
}

static uint64_t now_ms(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The pace is the calling thread's, which is always the same one. */
static void rest(void *ctx)
{
	struct real_system *real = ctx;

	if (!real->has_begun)
		spool_pace_begin(&real->pace, NULL);
	real->has_begun = true;
	spool_pace_rest(&real->pace);
}

int spool_life_system_new(const struct spool_host *host, int proc, bool hides, int numbers,
			  int cgroup, int epoll, struct spool_life_system **ret)
{
	struct real_system *real = spool_alloc(host, sizeof(*real));

	if (!real)
		return -ENOMEM;
	*real = (struct real_system){
		.system = {real, open_process, open_file, read_file, owner_of, sid_of, list,
			   list_threads, last_number, watch_process, watch_cgroup, is_populated,
			   close_handle, now_ms, rest, false},
		.host = host,
		.proc = proc,
		.hides = hides,
		.numbers = numbers,
		.cgroup = cgroup,
		.epoll = epoll,
	};
	real->system.no_audit = faccessat(proc, "self/sessionid", F_OK, 0) < 0 && errno == ENOENT;
	*ret = &real->system;
	return 0;
}

void spool_life_system_free(const struct spool_host *host, struct spool_life_system *system)
{
	if (system)
		spool_free(host, spool_container_of(system, struct real_system, system));
}
