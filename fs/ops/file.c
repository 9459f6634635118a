/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "wait/for_release.h"
#include "ops/maker.h"
#include "ops/permission.h"
#include "ops/set_ids.h"
#include "background/reclaim.h"
#include "security/permit.h"
#include "util/macros.h"

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	struct spool_engine *engine = fs_of(req)->engine;
	bool has_name = strcmp(name, SPOOL_TMPFILE_NAME) != 0;
	/* without a name it goes with the last close; who gives it one is asked then */
	struct spool_cred cred = has_name ? maker_cred(req) : reply_cred(req);
	struct spool_attr attr;
	int r = permission_to(req, parent, SPOOL_MAY_WRITE | SPOOL_MAY_EXEC);
	unsigned int cached;

	if (r == 0 && !has_name)
		r = spool_engine_tmpfile(engine, &cred, parent, mode, &attr);
	else if (r == 0)
		r = spool_engine_create(engine, &cred, parent, name, mode, &attr);
	/* Another caller has made it first. The kernel has not checked this caller's rights on that
	 * file, so it is not opened here: ESTALE makes the VFS look the name up and open it anew.
	 */
	if (r == -EEXIST && !(fi->flags & O_EXCL))
		r = -ESTALE;
	cached = r == 0 ? permission_may_cache(fs_of(req), parent) : 0;
	reply_create(req, r, &attr, cached, fi);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct spool_fs *fs = fs_of(req);
	unsigned int flags = reply_wait_flags(req) |
			     (fi->flags & O_TRUNC ? SPOOL_OPEN_TRUNCATE : 0) |
			     ((fi->flags & O_ACCMODE) == O_RDONLY ? 0 : SPOOL_OPEN_WRITE);
	struct spool_set_ids before = {0};
	ssize_t r = 0;

	fi->keep_cache = 1; /* all changes come through the kernel */
	if (reply_told(req, &r) != SPOOL_TOLD_NOT ||
	    (r = permission_to_open(req, ino, fi->flags)) < 0) {
		reply_open(req, ino, (int)r, fi);
		return;
	}
	/* without the feature the kernel has not checked the caller: clear the bits */
	if ((fs->missing & SPOOL_FEATURE_KILLPRIV) || reply_kill_suidgid(req))
		flags |= SPOOL_KILL_SUIDGID;
	if ((flags & SPOOL_KILL_SUIDGID) && (fi->flags & O_TRUNC))
		before = spool_set_ids_of(fs, ino);
	flags |= spool_set_ids_outsider(req, &before);
	r = spool_engine_open(fs->engine, ino, flags);
	if (!spool_set_ids_tell(req, &before, r))
		reply_open(req, ino, (int)r, fi);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	spool_engine_release(fs_of(req)->engine, ino);
	spool_for_release_kick(fs_of(req)->for_release);
	spool_reclaim_kick(fs_of(req)->reclaim);
	reply_status(req, 0);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct spool_fs *fs = fs_of(req);
	void *buf = reply_buffer(fs);
	ssize_t r = -ENOMEM;

	(void)fi;
	if (off < 0)
		r = -EINVAL;
	else if (buf)
		r = spool_engine_read(fs->engine, ino, buf, spool_min_u64(size, fs->max_write),
				      (uint64_t)off, reply_wait_flags(req));
	assert(r <= 0 || (size_t)r <= size);
	reply_data(req, r, buf);
}

/* A page-out that found too little space. The kernel does not look at how much of it was written,
 * and may drop the pages now. */
static ssize_t refuse_pageout(struct spool_fs *fs, fuse_ino_t ino, off_t off, size_t size,
			      size_t done, ssize_t error)
{
	spool_engine_lose(fs->engine, ino, (uint64_t)off + done, size - done, (int)error);
	return error;
}

/* Writes what is left of it, and again as long as some of it finds room: what has come free just
 * now is used at once. Return: 0: all is written; else why not, after *@done bytes. */
static ssize_t write_rest(struct spool_engine *engine, fuse_ino_t ino, const char *buf, size_t size,
			  uint64_t off, unsigned int flags, size_t *done)
{
	ssize_t r;

	do {
		r = spool_engine_write(engine, ino, buf + *done, size - *done, off + *done, flags);
		*done += r > 0 ? (size_t)r : 0;
		if (r > 0 && *done < size)
			spool_engine_drop_orphans(engine);
	} while (r > 0 && *done < size);
	return r < 0 ? r : 0;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	unsigned int flags = reply_wait_flags(req) | (fi->writepage ? SPOOL_WRITE_PAGEOUT : 0) |
			     (reply_kill_suidgid(req) ? SPOOL_KILL_SUIDGID : 0);
	struct spool_write_part part = reply_write_part(req);
	struct spool_fs *fs = fs_of(req);
	struct spool_set_ids before = {0};
	ssize_t r, error = -EINVAL;

	if (reply_told(req, &r) != SPOOL_TOLD_NOT) {
		reply_written(req, r);
		return;
	}
	if (flags & SPOOL_KILL_SUIDGID)
		before = spool_set_ids_of(fs, ino);
	flags |= spool_set_ids_outsider(req, &before);
	before.bits |= part.bits;
	if (off >= 0)
		error = write_rest(fs->engine, ino, buf, size, (uint64_t)off, flags, &part.done);
	assert(part.done <= size);
	r = part.done > 0 ? (ssize_t)part.done : error;
	if (error < 0 && reply_waits(req, (int)error)) {
		part.bits = before.bits;
		reply_keep_written(req, &part);
		r = error;
	} else if (fi->writepage && error < 0 && off >= 0) {
		r = refuse_pageout(fs, ino, off, size, part.done, error);
	}
	if (!spool_set_ids_tell(req, &before, r))
		reply_written(req, r);
}

/* Reserving or clearing more takes longer than 0.3 s (measured), for which other requests should
 * not wait. */
#define FALLOCATE_LONG (UINT64_C(64) << 30)

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		  struct fuse_file_info *fi)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_set_ids before = {0};
	ssize_t r = -EINVAL;

	(void)fi;
	if (reply_told(req, &r) == SPOOL_TOLD_NOT) {
		before = spool_set_ids_of(fs, ino);
		if (len > (off_t)FALLOCATE_LONG && (reply_wait_flags(req) & SPOOL_NOWAIT_DISK))
			r = SPOOL_WOULD_BLOCK; /* to a thread that may take long */
		else if (off >= 0 && len > 0)
			r = spool_engine_fallocate(
				fs->engine, ino, mode, (uint64_t)off, (uint64_t)len,
				reply_wait_flags(req) | spool_set_ids_rule(req, &before));
	}
	if (!spool_set_ids_tell(req, &before, r))
		reply_status(req, (int)r);
}

/*
 * Stores through a mapping, and with -o writeback all writes, may still be in the kernel's page
 * cache, where it does not look for SEEK_DATA. So when the answer depends on a hole the kernel is
 * told to drop its cache first, which writes out dirty pages. Those writes come to us as requests,
 * and may wait for reads that have the pages locked. So the request is deferred (notify.h).
 */
static bool must_fetch_pages(const struct spool_fs *fs, int64_t r, off_t off, int whence)
{
	if (fs->options->writeback)
		return true;
	return whence == SEEK_DATA ? r != off : r == off;
}

/* The answer that is right whatever the kernel has in its cache: all is data. With -o writeback it
 * may also know of an end of the file that we do not know. */
static int64_t seek_without_pages(const struct spool_fs *fs, fuse_ino_t ino, off_t off, int whence)
{
	struct spool_attr attr;
	int r = spool_engine_getattr(fs->engine, ino, &attr);

	if (r < 0)
		return r;
	if (fs->options->writeback)
		return -EIO;
	if ((uint64_t)off >= attr.size)
		return -ENXIO;
	return whence == SEEK_DATA ? off : (int64_t)attr.size;
}

/* Drops only the pages of the hole that the answer depends on: pages of data may be locked by reads
 * that wait for the disk. */
static void fetch_hole(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, int64_t r)
{
	struct spool_fs *fs = fs_of(req);

	if (whence == SEEK_HOLE && r == off)
		r = spool_engine_seek(fs->engine, ino, (uint64_t)off, SEEK_DATA);
	if (fs->options->writeback)
		reply_tell_pages(req, ino, 0, 0);
	else
		reply_tell_pages(req, ino, (uint64_t)off, r > off ? (uint64_t)(r - off) : 0);
}

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	enum spool_told told = reply_told(req, NULL);
	struct spool_fs *fs = fs_of(req);
	int64_t r = -ENXIO;

	(void)fi;
	if (off >= 0)
		r = spool_engine_seek(fs->engine, ino, (uint64_t)off, whence);
	if (off >= 0 && (r >= 0 || r == -ENXIO) && told != SPOOL_TOLD &&
	    must_fetch_pages(fs, r, off, whence)) {
		if (told == SPOOL_TOLD_NOT && reply_can_tell(req)) {
			fetch_hole(req, ino, off, whence, r);
			return;
		}
		r = seek_without_pages(fs, ino, off, whence);
	}
	reply_offset(req, r);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t src, off_t src_off,
			struct fuse_file_info *src_fi, fuse_ino_t dst, off_t dst_off,
			struct fuse_file_info *dst_fi, size_t len, int flags)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_set_ids before = {0};
	ssize_t r = -EINVAL;

	(void)src_fi;
	(void)dst_fi;
	/* One request must not take a thread for seconds. The caller asks again for what is left.
	 */
	len = spool_min_u64(len, (uint64_t)64 << 20);
	if (reply_told(req, &r) == SPOOL_TOLD_NOT) {
		before = spool_set_ids_of(fs, dst);
		if (flags == 0 && src_off >= 0 && dst_off >= 0)
			r = spool_engine_copy_range(
				fs->engine, src, (uint64_t)src_off, dst, (uint64_t)dst_off, len,
				reply_wait_flags(req) | spool_set_ids_rule(req, &before));
	}
	assert(r <= 0 || (size_t)r <= len);
	if (!spool_set_ids_tell(req, &before, r))
		reply_written(req, r);
}
