/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The only callers of fuse_reply_*(): they turn -errno round, and give back what an answer would
 * have handed over when the kernel does not take it (the caller was interrupted).
 * No lock may be held: a reply may be what lets the kernel send the next request.
 */

#include "transport/request.h"
#include "fs.h"
#include "transport/waitq.h"

struct spool_wire_statx_out;

static inline struct spool_fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/**
 * reply_buffer() - room for max_write bytes of an answer, or NULL without memory
 * For a READ or a listing from a ring it is where the kernel takes the answer from, otherwise
 * the thread's own. It is good until the request is answered.
 */
void *reply_buffer(struct spool_fs *fs);

/** Does this request want set-id bits dropped (FUSE_HANDLE_KILLPRIV_V2, FUSE_SETXATTR_EXT)? */
bool reply_kill_suidgid(fuse_req_t req);

/** The caller as the engine wants it; its uid may be SPOOL_UID_UNKNOWN, see handshake.c. */
struct spool_cred reply_cred(fuse_req_t req);

/** reply_known_cred() - the same, with the uid of the process where the kernel withholds it. Takes
 * 0.1 ms then: for what is not asked often. It is still unknown when the process cannot be seen. */
struct spool_cred reply_known_cred(fuse_req_t req);

/** reply_wait_flags() - SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY: what this thread may wait for;
 * SPOOL_WAITED. */
unsigned int reply_wait_flags(fuse_req_t req);

/**
 * reply_waits() - is the answer @error (-errno, or SPOOL_COUNT_FIRST) none yet?
 * For a handler that would answer something else, or has something to do before. When it is true
 * the handler must answer @error, which goes nowhere: the request will be tried again.
 */
bool reply_waits(fuse_req_t req, int error);

/** reply_write_part() - what was written of this request in earlier attempts. */
struct spool_write_part reply_write_part(fuse_req_t req);

/** reply_keep_written() - the same for the next attempt, which reply_waits() has said there is. */
void reply_keep_written(fuse_req_t req, const struct spool_write_part *part);

/**
 * reply_told() - is this the request's turn after reply_tell_first() or reply_spill_first()? Then
 * it is over with that.
 * @ret_result: the result that was given there, set unless it is not; may be NULL
 */
enum spool_told reply_told(fuse_req_t req, ssize_t *ret_result);

/** reply_tell_pages() - reply_tell_first() for @len bytes of pages at @off (0: to the end) */
void reply_tell_pages(fuse_req_t req, fuse_ino_t ino, uint64_t off, uint64_t len);

/** reply_spill_first() - have the file @ino brought to the disk, then process this request again,
 * as with reply_tell_first(); the result is what became of it. */
void reply_spill_first(fuse_req_t req, fuse_ino_t ino);

/** reply_can_tell() - may this request wait for the kernel to be told something, or for others? */
bool reply_can_tell(fuse_req_t req);

/**
 * reply_tell_first() - have the kernel drop @what of @ino, then process this request again
 * reply_can_tell() must have said so. @result is kept for then. This is all the reply for now.
 */
void reply_tell_first(fuse_req_t req, fuse_ino_t ino, enum spool_tell what, ssize_t result);

/** @r: 0 or -errno. */
void reply_status(fuse_req_t req, int r);

/** enum reply_cached - what the kernel may remember: what the name means; that it is missing */
enum reply_cached { REPLY_CACHED = 1 << 0, REPLY_NEGATIVE = 1 << 1 };

/** An entry that owes one lookup, or the error. @cached: enum reply_cached */
void reply_entry(fuse_req_t req, int r, const struct spool_attr *attr, unsigned int cached);

/** A created file: owes a lookup and an open. */
void reply_create(fuse_req_t req, int r, const struct spool_attr *attr, unsigned int cached,
		  struct fuse_file_info *fi);

/** @r: 0, then it owes an open; or -errno. Return: 0; -errno the kernel did not take it. */
int reply_open(fuse_req_t req, fuse_ino_t ino, int r, struct fuse_file_info *fi);

void reply_attr(fuse_req_t req, int r, const struct spool_attr *attr);

/** @r: bytes in @buf, or -errno. Return: 0; -errno the kernel did not take it. */
int reply_data(fuse_req_t req, ssize_t r, const void *buf);

/** @r: bytes written, or -errno. */
void reply_written(fuse_req_t req, ssize_t r);

/** @r: length asked for (@size 0) or bytes in @buf, or -errno. */
void reply_xattr(fuse_req_t req, ssize_t r, const void *buf, size_t size);

void reply_offset(fuse_req_t req, int64_t r);
void reply_link(fuse_req_t req, int r, const char *target);
void reply_statfs(fuse_req_t req, int r, const struct spool_statfs *stat);
void reply_ioctl(fuse_req_t req, int r, const void *buf, size_t size);

/** reply_ioctl_refusal() - the error @r, with @size bytes that the caller gets all the same. */
void reply_ioctl_refusal(fuse_req_t req, int r, const void *buf, size_t size);
void reply_none(fuse_req_t req);

/** What FUSE_STATX answers for @ino. Return: 0; -errno. */
int reply_fill_statx(struct spool_fs *fs, uint64_t ino, struct spool_wire_statx_out *ret);

/** An entry for readdirplus and reply_entry(). @cached: the kernel may remember it */
void reply_fill_entry(const struct spool_attr *attr, bool cached, struct fuse_entry_param *ret);
