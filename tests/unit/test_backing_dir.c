/* SPDX-License-Identifier: MIT */

/*
 * The backing directory: files without names, their data, their holes, the page cache, and the
 * limits of the system; with and without O_TMPFILE and O_DIRECT.
 */

#include "spill/backing_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dir_rig.h"
#include "fault_host.h"
#include "unit.h"
#include "util/macros.h"

#define PAGE SPOOL_BACKING_ALIGN
#define MIB ((size_t)1 << 20)

static struct dir_rig rig;
static struct fault_host host;
static struct spool_backing *backing;
static struct spool_backing_info info;

static unsigned int count_names(void)
{
	DIR *dir = opendir(rig.base);
	unsigned int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static int open_base(void)
{
	char why[200];
	int fd = spool_backing_dir_check(rig.base, true, why, sizeof(why));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

static void set_up(unsigned int mask)
{
	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(
		spool_backing_dir_new(&host.host, open_base(), mask & 1, mask & 2, &backing, &info),
		0);
	CU_ASSERT_FALSE((mask & 1) && info.tmpfile);
	CU_ASSERT_FALSE((mask & 2) && info.direct);
	CU_ASSERT_EQUAL(count_names(), 0);
}

static void tear_down(void)
{
	backing->ops->free(backing);
	CU_ASSERT_EQUAL(host.live, 0);
	CU_ASSERT_EQUAL(count_names(), 0);
}

static int open_file(void)
{
	int file = backing->ops->open(backing);

	CU_ASSERT_TRUE_FATAL(file >= 0);
	CU_ASSERT_EQUAL(count_names(), 0);
	return file;
}

static unsigned char *pages(size_t n)
{
	void *memory = aligned_alloc(PAGE, n * PAGE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
	memset(memory, 0, n * PAGE);
	return memory;
}

static void fill(unsigned char *bytes, size_t size, uint64_t salt)
{
	for (size_t i = 0; i < size; i += sizeof(salt)) {
		uint64_t word = (salt + i) * 0x9e3779b97f4a7c15u;

		memcpy(bytes + i, &word, sizeof(word));
	}
}

static int put(int file, void *bytes, size_t size, uint64_t off)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	return backing->ops->write(backing, file, &iov, 1, off);
}

static int get(int file, void *bytes, size_t size, uint64_t off)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	return backing->ops->read(backing, file, &iov, 1, off);
}

static void test_in_memory(void)
{
	char saved[PATH_MAX];
	struct spool_space space;
	unsigned char *bytes;
	int file;

	memcpy(saved, rig.base, sizeof(saved));
	if (!dir_rig_make(&rig, "/dev/shm") || dir_rig_check(rig.base, false, "") != -EOPNOTSUPP) {
		printf("\n# note: /dev/shm: no tmpfs");
		CU_PASS("no tmpfs here");
		goto out;
	}
	CU_ASSERT_EQUAL(dir_rig_check(rig.base, false, "is on a filesystem in memory"),
			-EOPNOTSUPP);
	CU_ASSERT_EQUAL(dir_rig_check(rig.base, false, "any with backing_any=on"), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(dir_rig_check(rig.base, true, ""), 0);
	bytes = pages(1);
	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		file = open_file();
		CU_ASSERT_EQUAL(put(file, bytes, PAGE, 0), 0);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 0), 0);
		CU_ASSERT_EQUAL(backing->ops->space(backing, &space), 0);
		backing->ops->close(backing, file);
		tear_down();
	}
	free(bytes);
	rmdir(rig.base);
out:
	memcpy(rig.base, saved, sizeof(rig.base));
}

/* In many ranges, at once and in the middle, beyond the end, in holes. */
static void round_trip(void)
{
	enum { N = 150 };
	unsigned char *data = pages(2 * N), *back = pages(2 * N), *zeros = pages(2);
	struct iovec iov[N], into[3];
	int file = open_file();
	uint64_t off = spool_min_u64((uint64_t)5 << 32, backing->max_file / 2);

	fill(data, (size_t)2 * N * PAGE, off);
	for (size_t i = 0; i < N; i++) /* every second page, the last first */
		iov[i] = (struct iovec){.iov_base = data + (2 * (N - i) - 1) * PAGE,
					.iov_len = PAGE};
	CU_ASSERT_EQUAL(backing->ops->write(backing, file, iov, N, off), 0);
	into[0] = (struct iovec){.iov_base = back, .iov_len = 7 * PAGE};
	into[1] = (struct iovec){.iov_base = back + (size_t)7 * PAGE, .iov_len = 0};
	into[2] = (struct iovec){.iov_base = back + (size_t)7 * PAGE,
				 .iov_len = (size_t)(N - 7) * PAGE};
	CU_ASSERT_EQUAL(backing->ops->read(backing, file, into, 3, off), 0);
	for (size_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(memcmp(back + i * PAGE, iov[i].iov_base, PAGE), 0);
	CU_ASSERT_EQUAL(put(file, data, PAGE, off + (uint64_t)3 * PAGE), 0);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off + (uint64_t)3 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back, data, PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back + PAGE, iov[4].iov_base, PAGE), 0);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off + (uint64_t)(N - 1) * PAGE), -EIO);
	CU_ASSERT_EQUAL(get(file, back, PAGE, off + (uint64_t)N * PAGE), -EIO);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off - (uint64_t)2 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back, zeros, (size_t)2 * PAGE), 0); /* never written */
	backing->ops->close(backing, file);
	free(data);
	free(back);
	free(zeros);
}

/* Punched space comes back. */
static void holes(void)
{
	unsigned char *bytes = pages(2 * MIB / PAGE);
	int file = open_file();
	struct stat before, after;

	fill(bytes, 2 * MIB, 1);
	CU_ASSERT_EQUAL(put(file, bytes, 2 * MIB, 0), 0);
	CU_ASSERT_EQUAL(fdatasync(file), 0); /* for filesystems that allocate late */
	CU_ASSERT_EQUAL(fstat(file, &before), 0);
	if (info.punch) {
		CU_ASSERT_TRUE((uint64_t)before.st_blocks * 512 >= 2 * MIB);
		CU_ASSERT_EQUAL(backing->ops->punch(backing, file, 65536, MIB), 0);
		CU_ASSERT_EQUAL(fstat(file, &after), 0);
		CU_ASSERT_TRUE((uint64_t)(before.st_blocks - after.st_blocks) * 512 >= MIB);
		CU_ASSERT_EQUAL(after.st_size, before.st_size);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(bytes[0] | bytes[PAGE - 1], 0);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 65536 - PAGE), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(bytes, bytes + PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(put(file, bytes, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(get(file, bytes + PAGE, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(memcmp(bytes, bytes + PAGE, PAGE), 0);
	} else {
		CU_ASSERT_EQUAL(backing->ops->punch(backing, file, 65536, MIB), -EOPNOTSUPP);
	}
	backing->ops->close(backing, file);
	free(bytes);
}

static void is_private(void)
{
	int first, file, saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
	mode_t mask = umask(0);
	struct stat stat;

	spool_close(0);
	first = open_file(); /* would get 0 */
	CU_ASSERT_TRUE(first > 2);
	CU_ASSERT_TRUE(fcntl(0, F_GETFD) < 0);
	if (saved >= 0)
		CU_ASSERT_EQUAL(dup2(saved, 0), 0);
	spool_close(saved);
	file = open_file();
	CU_ASSERT_NOT_EQUAL(file, first);
	umask(mask);
	CU_ASSERT_TRUE(fcntl(file, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_TRUE(fcntl(first, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(!!(fcntl(file, F_GETFL) & O_DIRECT), info.direct);
	CU_ASSERT_EQUAL(fstat(file, &stat), 0);
	CU_ASSERT_EQUAL(stat.st_nlink, 0);
	CU_ASSERT_EQUAL(stat.st_mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(stat.st_size, 0);
	if (info.tmpfile) { /* nobody can give it a name */
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
		CU_ASSERT_TRUE(linkat(AT_FDCWD, path, AT_FDCWD, dir_rig_path(&rig, "named"),
				      AT_SYMLINK_FOLLOW) < 0);
	}
	CU_ASSERT_EQUAL(count_names(), 0);
	backing->ops->close(backing, file);
	backing->ops->close(backing, first);
	CU_ASSERT_TRUE(fcntl(file, F_GETFD) < 0);
}

/* What max_file is with files of at most @size bytes. Return: 0 when that is too little. */
static uint64_t new_with_limit(rlim_t size)
{
	struct spool_backing *limited = NULL;
	struct spool_backing_info ignored;
	struct rlimit limit;
	uint64_t max = 0;
	int r;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = spool_backing_dir_new(&host.host, open_base(), false, false, &limited, &ignored);
	if (r == 0) {
		max = limited->max_file;
		limited->ops->free(limited);
	} else {
		CU_ASSERT_EQUAL(r, -EFBIG);
	}
	return max;
}

/* What the system refuses: a limit, which is no full disk, and what is no such thing. */
static void limits(void)
{
	unsigned char *bytes = pages(4);
	struct rlimit saved, limit;
	int file = open_file();
	struct spool_space space;
	struct statvfs stat;
	int r;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = MIB;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB), -EFBIG);
	CU_ASSERT_EQUAL(put(file, bytes, (size_t)4 * PAGE, MIB - PAGE), -EFBIG);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB - PAGE), 0);
	CU_ASSERT_EQUAL(new_with_limit(SPOOL_BACKING_FILE_MIN - 1), 0);
	CU_ASSERT_EQUAL(new_with_limit(SPOOL_BACKING_FILE_MIN), SPOOL_BACKING_FILE_MIN);
	CU_ASSERT_EQUAL(new_with_limit(3 * SPOOL_BACKING_FILE_MIN), 2 * SPOOL_BACKING_FILE_MIN);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, backing->max_file - PAGE), -EFBIG);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &saved), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, backing->max_file - PAGE), 0);
	CU_ASSERT_TRUE(backing->max_file <= (uint64_t)1 << 40);
	r = put(file, bytes, PAGE, (uint64_t)1 << 62); /* EFBIG, but tmpfs goes so far */
	CU_ASSERT_TRUE(r == -EFBIG || r == 0);
	CU_ASSERT_EQUAL(backing->ops->space(backing, &space), 0);
	CU_ASSERT_EQUAL(statvfs(rig.base, &stat), 0);
	CU_ASSERT_EQUAL(space.total, (uint64_t)stat.f_blocks * stat.f_frsize);
	CU_ASSERT_TRUE(space.free <= space.total);
	backing->ops->close(backing, file);
	free(bytes);
}

/* What the machine says itself, asked in other words. */
static void probed(void)
{
	void *bytes = pages(1);
	int fd = open(rig.base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(info.tmpfile, fd >= 0);
	spool_close(fd);
	fd = open(rig.base, O_TMPFILE | O_RDWR | O_CLOEXEC | O_DIRECT, 0600);
	if (fd >= 0) {
		CU_ASSERT_EQUAL(info.direct, pwrite(fd, bytes, PAGE, 0) == PAGE);
		CU_ASSERT_EQUAL(
			info.punch,
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0);
	}
	spool_close(fd);
	free(bytes);
	printf("\n# note: %s: tmpfile %d, direct %d, punch %d", rig.base, info.tmpfile, info.direct,
	       info.punch);
}

static void test_all_ways(void)
{
	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		if (mask == 0)
			probed();
		round_trip();
		holes();
		is_private();
		limits();
		tear_down();
	}
}

static size_t cached(int file, size_t size)
{
	unsigned char *resident = malloc(size / PAGE);
	size_t n = 0, page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);

	CU_ASSERT_NOT_EQUAL_FATAL(at, MAP_FAILED);
	CU_ASSERT_EQUAL(mincore(at, size, resident), 0);
	for (size_t i = 0; i < size / page; i++)
		n += resident[i] & 1;
	munmap(at, size);
	free(resident);
	return n * page;
}

/* Without direct I/O at most 8 MiB and what is on its way stay in the page cache. */
static void test_page_cache(void)
{
	unsigned char *bytes = pages(MIB / PAGE);
	int file, closed;
	struct statfs stat;

	CU_ASSERT_EQUAL(statfs(rig.base, &stat), 0);
	if (stat.f_type == TMPFS_MAGIC || stat.f_type == RAMFS_MAGIC ||
	    stat.f_type == OVERLAYFS_SUPER_MAGIC) {
		printf("\n# note: %s: nothing but cache, or an overlay, which does not pass on "
		       "sync_file_range",
		       rig.base);
		free(bytes);
		return;
	}
	set_up(2);
	fill(bytes, MIB, 3);
	closed = open_file();
	for (uint64_t off = 0; off < MIB; off += 8 * PAGE)
		CU_ASSERT_EQUAL(put(closed, bytes, PAGE, off), 0);
	file = open_file();
	for (uint64_t off = 0; off < 24 * MIB; off += MIB)
		CU_ASSERT_EQUAL(put(file, bytes, MIB, off), 0);
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	for (uint64_t off = 0; off < 24 * MIB; off += MIB) {
		CU_ASSERT_EQUAL(put(closed, bytes, PAGE, off), 0); /* as reads of one go on */
		CU_ASSERT_EQUAL(get(file, bytes, MIB, off), 0);
	}
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	backing->ops->close(backing, closed);
	for (unsigned int i = 0; i < 1500; i++) /* more ranges than are remembered */
		CU_ASSERT_EQUAL(put(file, bytes, (size_t)4 * PAGE, (uint64_t)i * 4 * PAGE), 0);
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	backing->ops->close(backing, file);
	tear_down();
	free(bytes);
}

struct worker {
	pthread_t thread;
	int own, common;
	uint64_t at; /* in the common file */
	unsigned int bad;
};

static void *work(void *arg)
{
	enum { ROUNDS = 60, SIZE = 4 * PAGE };
	struct worker *worker = arg;
	unsigned char *data = pages(4), *back = pages(4);

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t off = (uint64_t)(i * 7 % ROUNDS) * SIZE;

		fill(data, SIZE, worker->at + i);
		worker->bad += put(worker->own, data, SIZE, off) != 0;
		worker->bad += put(worker->common, data, SIZE, 2 * off + worker->at * SIZE) != 0;
		worker->bad += get(worker->own, back, SIZE, off) != 0;
		worker->bad += memcmp(data, back, SIZE) != 0;
		worker->bad += get(worker->common, back, SIZE, 2 * off + worker->at * SIZE) != 0;
		worker->bad += memcmp(data, back, SIZE) != 0;
		if (i % 20 == 19) {
			backing->ops->close(backing, worker->own);
			worker->own = backing->ops->open(backing);
			worker->bad += worker->own < 0;
		}
	}
	backing->ops->close(backing, worker->own);
	free(data);
	free(back);
	return NULL;
}

static void test_threads(void)
{
	struct worker workers[2];
	int common;

	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		common = open_file();
		for (unsigned int i = 0; i < 2; i++) {
			workers[i] = (struct worker){.own = open_file(), .common = common, .at = i};
			CU_ASSERT_EQUAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]),
					0);
		}
		for (unsigned int i = 0; i < 2; i++) {
			CU_ASSERT_EQUAL(pthread_join(workers[i].thread, NULL), 0);
			CU_ASSERT_EQUAL(workers[i].bad, 0);
		}
		backing->ops->close(backing, common);
		tear_down();
	}
}

/* The descriptor goes in any case, and nothing stays. */
static void test_new_fails(void)
{
	long nth;
	int fd, r;

	fault_host_init(&host);
	for (nth = 1; nth < 10; nth++) {
		fault_host_arm(&host, nth, false);
		fd = open_base();
		r = spool_backing_dir_new(&host.host, fd, false, false, &backing, &info);
		if (!host.fired)
			break;
		CU_ASSERT_EQUAL(r, -ENOMEM);
		CU_ASSERT_EQUAL(host.live, 0);
		CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	}
	CU_ASSERT_TRUE(nth > 2);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	backing->ops->free(backing);
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	fault_host_arm(&host, 0, false);
	fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* takes no files */
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_TRUE(spool_backing_dir_new(&host.host, fd, false, false, &backing, &info) < 0);
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	CU_ASSERT_EQUAL(host.live, 0);
	CU_ASSERT_EQUAL(count_names(), 0);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"in memory", test_in_memory},   {"all ways", test_all_ways},
		{"page cache", test_page_cache}, {"threads", test_threads},
		{"no backing", test_new_fails},
	};

	signal(SIGXFSZ, SIG_IGN); /* as the daemon does */
	return dir_rig_run(&rig, "backing_dir", tests, SPOOL_ARRAY_SIZE(tests));
}
