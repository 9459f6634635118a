/* SPDX-License-Identifier: MIT */
#include "ops/reply.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "transport/channel.h"
#include "security/subuid.h"
#include "util/lock.h"
#include "util/units.h"
#include "transport/wire.h"
#include "security/witness.h"

/* All changes pass through us, so the kernel may keep what it knows. A year, in seconds, is as
 * good as for ever and does not overflow the kernel's jiffies. */
#define FOREVER_S (365.0 * 24 * 3600)

/* What stdio and others make their buffers of: a request for 64 KiB takes little longer than one
 * for 4 KiB, so that sort(1) needs half of the time. */
#define PREFERRED_IO SPOOL_BLOCK_SIZE

/* The payload of these requests is empty, so that the answer overwrites nothing of them. */
static bool can_read_in_place(const struct spool_request *request)
{
	return request && request->out &&
	       (request->opcode == FUSE_READ || request->opcode == FUSE_READDIR ||
		request->opcode == FUSE_READDIRPLUS);
}

void *reply_buffer(struct spool_fs *fs)
{
	const struct spool_request *request = spool_channel_current(fs);
	void *buf;

	assert(fs->max_write > 0);
	if (can_read_in_place(request)) {
		assert(request->out_size >= fs->max_write);
		return request->out;
	}
	buf = pthread_getspecific(fs->buffer);
	if (buf)
		return buf;
	buf = aligned_alloc(SPOOL_PAGE_SIZE, fs->max_write); /* the disk is read straight to it */
	if (buf && pthread_setspecific(fs->buffer, buf) != 0) {
		free(buf);
		return NULL;
	}
	return buf;
}

struct spool_cred reply_cred(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	if (ctx->uid != SPOOL_UID_UNKNOWN)
		spool_subuids_refresh(fs_of(req)->subuids, ctx->uid);
	return (struct spool_cred){
		.uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid, .umask = ctx->umask};
}

struct spool_cred reply_known_cred(fuse_req_t req)
{
	struct spool_cred cred = reply_cred(req);

	if (cred.uid == SPOOL_UID_UNKNOWN && cred.pid > 0)
		cred.uid = spool_witness_uid(fs_of(req)->witness, cred.pid);
	return cred;
}

bool reply_kill_suidgid(fuse_req_t req)
{
	const struct spool_request *request = spool_channel_current(fs_of(req));

	return request && request->kill_suidgid;
}

unsigned int reply_wait_flags(fuse_req_t req)
{
	const struct spool_request *request = spool_channel_current(fs_of(req));
	unsigned int flags = SPOOL_NOWAIT_DISK;

	if (!request)
		return flags;
	return (request->may_wait ? 0 : SPOOL_NOWAIT_DISK) |
	       (request->last_try ? SPOOL_LAST_TRY : 0) | (request->ram.waited ? SPOOL_WAITED : 0);
}

struct spool_write_part reply_write_part(fuse_req_t req)
{
	const struct spool_request *request = spool_channel_current(fs_of(req));

	return request ? request->write : (struct spool_write_part){0};
}

void reply_keep_written(fuse_req_t req, const struct spool_write_part *part)
{
	spool_channel_current(fs_of(req))->write = *part;
}

enum spool_told reply_told(fuse_req_t req, ssize_t *ret_result)
{
	struct spool_request *request = spool_channel_current(fs_of(req));
	enum spool_told told = request ? request->first.told : SPOOL_TOLD_NOT;

	if (told != SPOOL_TOLD_NOT && ret_result)
		*ret_result = request->first.result;
	if (request)
		request->first.told = SPOOL_TOLD_NOT;
	return told;
}

bool reply_can_tell(fuse_req_t req)
{
	const struct spool_request *request = spool_channel_current(fs_of(req));

	return request && !request->last_try && !atomic_load(&fs_of(req)->stopping);
}

bool reply_waits(fuse_req_t req, int error)
{
	return spool_channel_waits(fs_of(req), error);
}

void reply_tell_first(fuse_req_t req, fuse_ino_t ino, enum spool_tell what, ssize_t result)
{
	struct spool_request *request = spool_channel_current(fs_of(req));

	assert(request && !request->last_try && request->first.told == SPOOL_TOLD_NOT);
	request->first.tell = what;
	request->first.done = what == SPOOL_TELL_ATTRS; /* which have been changed */
	request->first.ino = ino;
	request->first.result = result;
	reply_status(req, SPOOL_TELL_FIRST);
}

void reply_tell_pages(fuse_req_t req, fuse_ino_t ino, uint64_t off, uint64_t len)
{
	struct spool_request *request = spool_channel_current(fs_of(req));

	request->first.off = off;
	request->first.len = len;
	reply_tell_first(req, ino, SPOOL_TELL_PAGES, 0);
}

void reply_spill_first(fuse_req_t req, fuse_ino_t ino)
{
	struct spool_request *request = spool_channel_current(fs_of(req));

	assert(request && !request->last_try && request->first.told == SPOOL_TOLD_NOT);
	request->first.ino = ino;
	reply_status(req, SPOOL_SPILL_FIRST);
}

void reply_status(fuse_req_t req, int r)
{
	assert(r <= 0);
	spool_lock_assert_none();
	fuse_reply_err(req, -r);
}

/* As libfuse wants it. */
static void fill_stat(const struct spool_attr *attr, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = attr->ino,
		.st_size = (off_t)attr->size,
		.st_blocks = (blkcnt_t)attr->blocks,
		.st_blksize = PREFERRED_IO,
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_rdev = attr->rdev,
		.st_atim = attr->atime,
		.st_mtim = attr->mtime,
		.st_ctim = attr->ctime,
	};
}

static struct spool_wire_sx_time sx_time(const struct timespec *time)
{
	return (struct spool_wire_sx_time){.sec = time->tv_sec, .nsec = (uint32_t)time->tv_nsec};
}

int reply_fill_statx(struct spool_fs *fs, uint64_t ino, struct spool_wire_statx_out *ret)
{
	struct spool_attr attr;
	int r = spool_engine_getattr(fs->engine, ino, &attr);

	if (r < 0)
		return r;
	*ret = (struct spool_wire_statx_out){
		.attr_valid = (uint64_t)FOREVER_S,
		.stat = {.mask = STATX_BASIC_STATS | STATX_BTIME,
			 .blksize = PREFERRED_IO,
			 .nlink = attr.nlink,
			 .uid = attr.uid,
			 .gid = attr.gid,
			 .mode = (uint16_t)attr.mode,
			 .ino = attr.ino,
			 .size = attr.size,
			 .blocks = attr.blocks,
			 .atime = sx_time(&attr.atime),
			 .btime = sx_time(&attr.btime),
			 .ctime = sx_time(&attr.ctime),
			 .mtime = sx_time(&attr.mtime),
			 .rdev_major = major(attr.rdev),
			 .rdev_minor = minor(attr.rdev)},
	};
	return 0;
}

void reply_fill_entry(const struct spool_attr *attr, bool cached, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = attr->ino,
		.generation = SPOOL_GENERATION,
		.attr_timeout = FOREVER_S,
		.entry_timeout = cached ? FOREVER_S : 0,
	};
	fill_stat(attr, &ret->attr);
}

void reply_entry(fuse_req_t req, int r, const struct spool_attr *attr, unsigned int cached)
{
	struct spool_engine *engine = fs_of(req)->engine;
	struct fuse_entry_param entry;

	assert(r <= 0);
	spool_lock_assert_none();
	if (r == -ENOENT && (cached & REPLY_NEGATIVE)) {
		entry = (struct fuse_entry_param){.entry_timeout = FOREVER_S};
		fuse_reply_entry(req, &entry);
		return;
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_fill_entry(attr, cached & REPLY_CACHED, &entry);
	if (fuse_reply_entry(req, &entry) < 0)
		spool_engine_forget(engine, attr->ino, 1);
}

void reply_create(fuse_req_t req, int r, const struct spool_attr *attr, unsigned int cached,
		  struct fuse_file_info *fi)
{
	struct spool_engine *engine = fs_of(req)->engine;
	struct fuse_entry_param entry;

	assert(r <= 0);
	spool_lock_assert_none();
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	reply_fill_entry(attr, cached & REPLY_CACHED, &entry);
	fi->keep_cache = 1;
	if (fuse_reply_create(req, &entry, fi) < 0) {
		spool_engine_release(engine, attr->ino);
		spool_engine_forget(engine, attr->ino, 1);
	}
}

int reply_open(fuse_req_t req, fuse_ino_t ino, int r, struct fuse_file_info *fi)
{
	struct spool_engine *engine = fs_of(req)->engine;

	assert(r <= 0);
	spool_lock_assert_none();
	if (r < 0)
		return fuse_reply_err(req, -r);
	r = fuse_reply_open(req, fi);
	if (r < 0)
		spool_engine_release(engine, ino);
	return r;
}

void reply_attr(fuse_req_t req, int r, const struct spool_attr *attr)
{
	struct stat stat;

	assert(r <= 0);
	spool_lock_assert_none();
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fill_stat(attr, &stat);
	fuse_reply_attr(req, &stat, FOREVER_S);
}

int reply_data(fuse_req_t req, ssize_t r, const void *buf)
{
	assert(r <= 0 || (buf && (size_t)r <= fs_of(req)->max_write));
	spool_lock_assert_none();
	if (r < 0)
		return fuse_reply_err(req, (int)-r);
	return fuse_reply_buf(req, buf, (size_t)r);
}

void reply_written(fuse_req_t req, ssize_t r)
{
	spool_lock_assert_none();
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_write(req, (size_t)r);
}

void reply_xattr(fuse_req_t req, ssize_t r, const void *buf, size_t size)
{
	assert(r <= 0 || size == 0 || (buf && (size_t)r <= size));
	spool_lock_assert_none();
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)r);
	else
		fuse_reply_buf(req, buf, (size_t)r);
}

void reply_offset(fuse_req_t req, int64_t r)
{
	spool_lock_assert_none();
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_lseek(req, r);
}

void reply_link(fuse_req_t req, int r, const char *target)
{
	assert(r < 0 || (r == 0 && target));
	spool_lock_assert_none();
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, target);
}

void reply_statfs(fuse_req_t req, int r, const struct spool_statfs *stat)
{
	struct statvfs out;

	assert(r <= 0);
	spool_lock_assert_none();
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	out = (struct statvfs){
		.f_bsize = SPOOL_PAGE_SIZE,
		.f_frsize = SPOOL_PAGE_SIZE,
		.f_blocks = stat->blocks,
		.f_bfree = stat->blocks_free,
		.f_bavail = stat->blocks_free,
		.f_files = stat->inodes,
		.f_ffree = stat->inodes_free,
		.f_favail = stat->inodes_free,
		.f_namemax = SPOOL_NAME_MAX,
	};
	fuse_reply_statfs(req, &out);
}

void reply_ioctl(fuse_req_t req, int r, const void *buf, size_t size)
{
	assert(r < 0 || (r == 0 && buf));
	spool_lock_assert_none();
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_ioctl(req, 0, buf, size);
}

void reply_ioctl_refusal(fuse_req_t req, int r, const void *buf, size_t size)
{
	assert(r < 0 && (size == 0 || buf));
	spool_lock_assert_none();
	fuse_reply_ioctl(req, r, buf, size);
}

void reply_none(fuse_req_t req)
{
	spool_lock_assert_none();
	fuse_reply_none(req);
}
