/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A backing: where data go that leave RAM. It is files without names in the backing directory, and
 * nothing else. Data are sealed (spill/seal.h) before they come here.
 *
 * This is an interface: the daemon uses spool_backing_dir_new(), tests one in memory that fails on
 * demand (tests/unit/fault_backing.h). All calls may block for as long as the disk takes, and may
 * come from several threads at once. No lock is held over one, but the file's own.
 */

#include <stdint.h>
#include <sys/uio.h>

/* Offset, length, and address in memory of every read and write are multiples of this. It is the
 * block size of disks and the page size, which direct I/O asks for. */
#define SPOOL_BACKING_ALIGN 4096u

struct spool_backing;

/** struct spool_space - bytes of the backing filesystem; @free is what we may use (f_bavail) */
struct spool_space {
	uint64_t free;
	uint64_t total;
};

/**
 * struct spool_backing_ops - what a backing store can do
 * @open: a new, empty file without a name. Return: its number (>= 0); -errno
 * @close: the file and all its data go
 * @write: all of @iov at @off, or an error; what is then in the range is undefined
 * @read: all of @iov from @off; where nothing was written or it was punched: -EIO or zeros
 * @punch: the range goes back to the filesystem. Return: 0; -errno, then it stays allocated
 * @space: how much there is
 * @free: frees the backing itself; every file must have been closed
 *
 * Return values not given: 0; -errno (-ENOSPC, -EIO, ...). Never a short count.
 */
struct spool_backing_ops {
	int (*open)(struct spool_backing *backing);
	void (*close)(struct spool_backing *backing, int file);
	int (*write)(struct spool_backing *backing, int file, const struct iovec *iov, int n,
		     uint64_t off);
	int (*read)(struct spool_backing *backing, int file, const struct iovec *iov, int n,
		    uint64_t off);
	int (*punch)(struct spool_backing *backing, int file, uint64_t off, uint64_t len);
	int (*space)(struct spool_backing *backing, struct spool_space *ret);
	void (*free)(struct spool_backing *backing);
};

/** SPOOL_BACKING_FILE_MIN - the least that spool_backing.max_file may be: 256 MiB */
#define SPOOL_BACKING_FILE_MIN ((uint64_t)256 << 20)

/** struct spool_backing - @max_file: how many bytes long a file may become; constant */
struct spool_backing {
	const struct spool_backing_ops *ops;
	uint64_t max_file;
};
