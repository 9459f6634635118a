/* SPDX-License-Identifier: MIT */
#include "spill/backing_dir.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "util/lock.h"
#include "util/macros.h"

/* The number by which struct spool_backing_ops names a file is the file's descriptor. */

/*
 * Without direct I/O the kernel starts to write each range to the disk at once. When 8 MiB more
 * have been written, the range is waited for and dropped from the page cache. 8 MiB keep a disk
 * busy, and spilling takes no more of the cache. Both numbers are guesses.
 */
#define LAG_BYTES ((uint64_t)8 << 20)
#define LAG_RANGES 256u

/* Ranges of memory in one system call; Linux takes up to 1024 (UIO_MAXIOV, linux/uio.h). */
#define IOV_CALL 64

/* Names are 64 random bits: a second try is needed when someone else chose the same. */
#define NAME_TRIES 100

struct lag_range {
	int file; /* -1: its file has been closed */
	uint64_t off, len;
};

struct backing_dir {
	struct spool_backing backing;
	const struct spool_host *host;
	int dirfd;
	struct spool_backing_info info; /* constant after the probe */
	_Atomic unsigned int live;
	struct spool_mutex lock;
	/* lock: what was written last and is still in the page cache, a ring */
	struct lag_range lag[LAG_RANGES];
	unsigned int lag_first, lag_n;
	uint64_t lag_bytes;
};

static struct backing_dir *dir_of(struct spool_backing *backing)
{
	return spool_container_of(backing, struct backing_dir, backing);
}

/* A quota is a limit of the disk, too: the writer is told that it is full. */
static int write_error(int error)
{
	return error == EDQUOT ? -ENOSPC : -error;
}

/* Descriptors 0 to 2 are for the standard streams, even where the daemon has closed those. */
static int above_streams(int fd)
{
	int moved, r;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	r = moved < 0 ? -errno : moved;
	spool_close(fd);
	return r;
}

static int open_named(struct backing_dir *dir)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		char name[32];
		uint64_t random;
		int fd, r;

		r = dir->host->random(dir->host->ctx, &random, sizeof(random));
		if (r < 0)
			return r;
		snprintf(name, sizeof(name), ".spoolfs-%016llx", (unsigned long long)random);
		fd = openat(dir->dirfd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC,
			    0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return write_error(errno);
		if (unlinkat(dir->dirfd, name, 0) < 0 && errno != ENOENT) {
			r = -errno;
			spool_close(fd);
			return r;
		}
		return fd;
	}
	return -EEXIST;
}

static int open_unnamed(struct backing_dir *dir)
{
	int fd = openat(dir->dirfd, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? write_error(errno) : fd;
}

/* By fcntl, as an open that is refused for O_DIRECT alone may leave the name behind. */
static int set_direct(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
		return -errno;
	return 0;
}

static int dir_open(struct spool_backing *backing)
{
	struct backing_dir *dir = dir_of(backing);
	int fd = above_streams(dir->info.tmpfile ? open_unnamed(dir) : open_named(dir));

	if (fd >= 0 && dir->info.direct) {
		int r = set_direct(fd);

		if (r < 0) {
			spool_close(fd);
			return r;
		}
	}
	if (fd >= 0)
		dir->live++;
	return fd;
}

/* Another thread may still hold a range of the file that is being closed. It then asks the system
 * to drop pages of the file that gets the same number next. That costs a little speed and no data.
 */
static void dir_close(struct spool_backing *backing, int file)
{
	struct backing_dir *dir = dir_of(backing);

	spool_mutex_lock(&dir->lock, SPOOL_RANK_LEAF);
	for (unsigned int i = 0; i < dir->lag_n; i++) {
		struct lag_range *range = &dir->lag[(dir->lag_first + i) % LAG_RANGES];

		if (range->file == file)
			range->file = -1;
	}
	spool_mutex_unlock(&dir->lock);
	spool_close(file);
	dir->live--;
}

/* Takes the oldest range out when there are too many. Return: false when there are not. */
static bool next_lagging(struct backing_dir *dir, struct lag_range *ret)
{
	bool found;

	spool_mutex_lock(&dir->lock, SPOOL_RANK_LEAF);
	found = dir->lag_bytes > LAG_BYTES || dir->lag_n == LAG_RANGES;
	if (found) {
		*ret = dir->lag[dir->lag_first];
		dir->lag_first = (dir->lag_first + 1) % LAG_RANGES;
		dir->lag_n--;
		dir->lag_bytes -= ret->len;
	}
	spool_mutex_unlock(&dir->lock);
	return found;
}

/*
 * Starts to write the newest range to the disk, and drops the oldest ones from the page cache.
 * Errors are not looked at: if the disk could not write, reading the data fails.
 */
static void write_out(struct backing_dir *dir, int file, uint64_t off, uint64_t len)
{
	struct lag_range old;

	sync_file_range(file, (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
	while (next_lagging(dir, &old)) {
		if (old.file < 0)
			continue;
		sync_file_range(old.file, (off_t)old.off, (off_t)old.len,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(old.file, (off_t)old.off, (off_t)old.len, POSIX_FADV_DONTNEED);
	}
	spool_mutex_lock(&dir->lock, SPOOL_RANK_LEAF);
	if (dir->lag_n < LAG_RANGES) { /* else other threads were faster: the range may stay */
		dir->lag[(dir->lag_first + dir->lag_n++) % LAG_RANGES] =
			(struct lag_range){.file = file, .off = off, .len = len};
		dir->lag_bytes += len;
	}
	spool_mutex_unlock(&dir->lock);
}

/* What is left of @iov after its first @done bytes, at most IOV_CALL ranges. Return: how many. */
static int rest_of(const struct iovec *iov, int n, uint64_t done, struct iovec *rest)
{
	int n_rest = 0;

	for (int i = 0; i < n && n_rest < IOV_CALL; i++) {
		uint64_t skip = spool_min_u64(done, iov[i].iov_len);

		done -= skip;
		if (skip == iov[i].iov_len)
			continue;
		rest[n_rest].iov_base = (char *)iov[i].iov_base + skip;
		rest[n_rest++].iov_len = iov[i].iov_len - skip;
	}
	return n_rest;
}

/* All of @iov, however little the system takes at a time. Return: 0; -errno; and *@ret_done. */
static int transfer(int file, const struct iovec *iov, int n, uint64_t off, bool writes,
		    uint64_t *ret_done)
{
	struct iovec rest[IOV_CALL];
	int n_rest;

	*ret_done = 0;
	while ((n_rest = rest_of(iov, n, *ret_done, rest)) > 0) {
		off_t at = (off_t)(off + *ret_done);
		ssize_t got = writes ? pwritev2(file, rest, n_rest, at, 0)
				     : preadv2(file, rest, n_rest, at, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return writes ? write_error(errno) : -errno;
		if (got == 0) /* the file ends here */
			return -EIO;
		*ret_done += (uint64_t)got;
	}
	return 0;
}

static int dir_write(struct spool_backing *backing, int file, const struct iovec *iov, int n,
		     uint64_t off)
{
	struct backing_dir *dir = dir_of(backing);
	uint64_t done;
	int r = transfer(file, iov, n, off, true, &done);

	if (!dir->info.direct && done > 0)
		write_out(dir, file, off, done);
	return r;
}

static int dir_read(struct spool_backing *backing, int file, const struct iovec *iov, int n,
		    uint64_t off)
{
	struct backing_dir *dir = dir_of(backing);
	uint64_t done;
	int r = transfer(file, iov, n, off, false, &done);

	if (!dir->info.direct && done > 0)
		posix_fadvise(file, (off_t)off, (off_t)done, POSIX_FADV_DONTNEED);
	return r;
}

static int punch(int file, uint64_t off, uint64_t len)
{
	int r;

	do
		r = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			      (off_t)len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int dir_punch(struct spool_backing *backing, int file, uint64_t off, uint64_t len)
{
	if (!dir_of(backing)->info.punch)
		return -EOPNOTSUPP;
	return punch(file, off, len);
}

static int dir_space(struct spool_backing *backing, struct spool_space *ret)
{
	struct statfs stat;
	uint64_t unit;
	int r;

	do
		r = fstatfs(dir_of(backing)->dirfd, &stat);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	unit = (uint64_t)(stat.f_frsize ? stat.f_frsize : stat.f_bsize);
	if (spool_mul_overflows(stat.f_bavail, unit, &ret->free))
		ret->free = UINT64_MAX;
	if (spool_mul_overflows(stat.f_blocks, unit, &ret->total))
		ret->total = UINT64_MAX;
	return 0;
}

static void dir_free(struct spool_backing *backing)
{
	struct backing_dir *dir = dir_of(backing);

	assert(dir->live == 0);
	spool_close(dir->dirfd);
	spool_mutex_fini(&dir->lock);
	spool_free(dir->host, dir);
}

#define PROBE_BLOCKS 3
#define PROBE_SIZE (PROBE_BLOCKS * SPOOL_BACKING_ALIGN)

/* The largest file that the probe tries for, and the size that is assumed on a filesystem without
 * holes, where trying would take as much disk space. The lowest limit of such filesystems is FAT's
 * 4 GiB. */
#define FILE_MAX ((uint64_t)1 << 40)
#define FILE_MAX_DENSE ((uint64_t)1 << 30)

/* Writes two blocks, from two ranges of memory, behind the first block, and reads them back. */
static int probe_transfer(int file, char *memory)
{
	struct iovec iov[2];
	uint64_t done;
	int r;

	for (int i = 0; i < 2; i++) {
		iov[i].iov_base = memory + (size_t)(2 - 2 * i) * SPOOL_BACKING_ALIGN;
		iov[i].iov_len = SPOOL_BACKING_ALIGN;
		memset(iov[i].iov_base, 'a' + i, SPOOL_BACKING_ALIGN);
	}
	r = transfer(file, iov, 2, SPOOL_BACKING_ALIGN, true, &done);
	if (r < 0)
		return r;
	memset(memory, 0, PROBE_SIZE);
	r = transfer(file, iov, 2, SPOOL_BACKING_ALIGN, false, &done);
	for (int i = 0; i < 2 && r == 0; i++) {
		const char *bytes = iov[i].iov_base;

		if (bytes[0] != 'a' + i || memcmp(bytes, bytes + 1, SPOOL_BACKING_ALIGN - 1) != 0)
			r = -EIO;
	}
	return r;
}

/* Finds out how long a file may become. The filesystem, its block size and RLIMIT_FSIZE decide. */
static int probe_size(struct backing_dir *dir, int file, char *memory)
{
	struct iovec iov = {.iov_base = memory, .iov_len = SPOOL_BACKING_ALIGN};
	uint64_t done, size = (uint64_t)1 << 20;
	struct stat stat;
	int r = transfer(file, &iov, 1, size, true, &done);

	if (r < 0)
		return r;
	if (fstat(file, &stat) < 0)
		return -errno;
	dir->backing.max_file = FILE_MAX_DENSE;
	if ((uint64_t)stat.st_blocks * 512 >= size)
		return 0;
	for (size = FILE_MAX; size >= SPOOL_BACKING_FILE_MIN; size /= 2) {
		r = transfer(file, &iov, 1, size - SPOOL_BACKING_ALIGN, true, &done);
		dir->backing.max_file = size;
		if (r == -EINVAL)
			r = -EFBIG; /* the limit lies within a block */
		if (r != -ENOSPC && r != -EFBIG)
			return r;
	}
	return r;
}

/* Some filesystems accept a flag and fail later, so every operation is tried. */
static int probe(struct backing_dir *dir, bool tmpfile, bool direct, char *memory)
{
	int r = -EOPNOTSUPP, file;

	dir->info.tmpfile = tmpfile;
	if (tmpfile)
		r = dir_open(&dir->backing);
	if (r < 0) {
		dir->info.tmpfile = false;
		r = dir_open(&dir->backing);
	}
	if (r < 0)
		return r;
	file = r;
	if (direct && set_direct(file) == 0 && probe_transfer(file, memory) == 0) {
		dir->info.direct = true;
	} else { /* with a new file, as a failed attempt may have left data in the old one */
		dir_close(&dir->backing, file);
		file = dir_open(&dir->backing);
		if (file < 0)
			return file;
		r = probe_transfer(file, memory);
	}
	if (r >= 0)
		r = probe_size(dir, file, memory);
	if (r >= 0)
		dir->info.punch = punch(file, SPOOL_BACKING_ALIGN, SPOOL_BACKING_ALIGN) == 0;
	dir_close(&dir->backing, file);
	return r;
}

int spool_backing_dir_new(const struct spool_host *host, int dirfd, bool mask_tmpfile,
			  bool mask_direct, struct spool_backing **ret_backing,
			  struct spool_backing_info *ret_info)
{
	static const struct spool_backing_ops ops = {
		.open = dir_open,
		.close = dir_close,
		.write = dir_write,
		.read = dir_read,
		.punch = dir_punch,
		.space = dir_space,
		.free = dir_free,
	};
	struct backing_dir *dir = spool_alloc(host, sizeof(*dir));
	char *memory = spool_alloc(host, PROBE_SIZE + SPOOL_BACKING_ALIGN);
	int r;

	if (!dir || !memory) {
		spool_free(host, memory);
		spool_free(host, dir);
		spool_close(dirfd);
		return -ENOMEM;
	}
	dir->backing.ops = &ops;
	dir->host = host;
	dir->dirfd = dirfd;
	spool_mutex_init(&dir->lock);
	r = probe(dir, !mask_tmpfile, !mask_direct,
		  memory + (-(uintptr_t)memory % SPOOL_BACKING_ALIGN));
	spool_free(host, memory);
	if (r < 0) {
		dir_free(&dir->backing);
		return r;
	}
	*ret_backing = &dir->backing;
	*ret_info = dir->info;
	return 0;
}
