/* SPDX-License-Identifier: MIT */
#include "ops/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/reply.h"
#include "security/permit.h"
#include "security/witness.h"
#include "transport/expire.h"
#include "wait/notify.h"

/* The kernel's __FMODE_EXEC, which FUSE passes on: the file is opened to be executed. */
#define OPEN_EXEC 040

static bool in_group(void *ctx, gid_t gid)
{
	fuse_req_t req = ctx;

	return spool_witness_in_group(fs_of(req)->witness, fuse_req_ctx(req)->pid, gid);
}

static bool has(void *ctx, unsigned int cap, const struct spool_attr *attr)
{
	fuse_req_t req = ctx;

	return spool_witness_has_over(fs_of(req)->witness, fuse_req_ctx(req)->pid, cap, attr->uid,
				      attr->gid);
}

static struct spool_subject subject_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct spool_subject){
		.uid = ctx->uid, .gid = ctx->gid, .in_group = in_group, .has = has, .ctx = req};
}

static bool checks(const struct spool_fs *fs)
{
	return fs->options->one_user;
}

/*
 * A process of an ordinary user's has no capability, so what the mode of a directory says holds for
 * all of his, and it is rare that he takes the right to search it from himself. Root has them, as a
 * rule, gives directories to others all the time, and mounts filesystems in them, which must not be
 * unmounted for that. So only processes of root without capabilities may see a name a little longer
 * than they should: until the kernel has been told of each. It cannot be told of those that are not
 * there, which therefore it does not remember.
 */
static bool is_roots(const struct spool_fs *fs)
{
	return fs->owner == 0;
}

/* Reads what @ino is, for who is served at all. Return: 0; -EACCES; -ESTALE. */
static int look_at(fuse_req_t req, fuse_ino_t ino, struct spool_attr *ret)
{
	struct spool_fs *fs = fs_of(req);

	if (fuse_req_ctx(req)->uid != fs->owner)
		return -EACCES;
	return spool_engine_getattr(fs->engine, ino, ret);
}

/* The same of the entry @name. Return: 0; -ENOENT ... */
static int look_up(fuse_req_t req, fuse_ino_t parent, const char *name, struct spool_attr *ret)
{
	struct spool_engine *engine = fs_of(req)->engine;
	struct spool_cred cred = reply_cred(req);
	int r = spool_engine_lookup(engine, &cred, parent, name, ret);

	if (r == 0)
		spool_engine_forget(engine, ret->ino, 1);
	return r;
}

int permission_to(fuse_req_t req, fuse_ino_t ino, unsigned int mask)
{
	struct spool_subject subject = subject_of(req);
	struct spool_attr attr;
	int r;

	if (!checks(fs_of(req)))
		return 0;
	r = look_at(req, ino, &attr);
	return r < 0 ? r : spool_permit(&subject, &attr, mask);
}

/* To make an entry in @parent, or to replace or remove @attr there (NULL: there is none). */
static int permission_in(fuse_req_t req, fuse_ino_t parent, const struct spool_attr *attr)
{
	struct spool_subject subject = subject_of(req);
	struct spool_attr dir;
	int r = look_at(req, parent, &dir);

	if (r == 0)
		r = spool_permit(&subject, &dir, SPOOL_MAY_WRITE | SPOOL_MAY_EXEC);
	if (r == 0 && attr)
		r = spool_permit_sticky(&subject, &dir, attr);
	return r;
}

int permission_to_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_attr attr;
	bool there;

	if (!checks(fs_of(req)))
		return 0;
	there = look_up(req, parent, name, &attr) == 0;
	return permission_in(req, parent, there ? &attr : NULL);
}

int permission_to_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
			 const char *new_name, unsigned int flags)
{
	struct spool_subject subject = subject_of(req);
	struct spool_attr from, to;
	bool has_from, has_to;
	int r;

	if (!checks(fs_of(req)))
		return 0;
	has_from = look_up(req, parent, name, &from) == 0;
	has_to = look_up(req, new_parent, new_name, &to) == 0;
	r = permission_in(req, parent, has_from ? &from : NULL);
	if (r == 0)
		r = permission_in(req, new_parent, has_to ? &to : NULL);
	if (r < 0 || parent == new_parent)
		return r;
	/* ".." of a directory changes: that is a write to it */
	if (has_from && S_ISDIR(from.mode))
		r = spool_permit(&subject, &from, SPOOL_MAY_WRITE);
	if (r == 0 && (flags & RENAME_EXCHANGE) && has_to && S_ISDIR(to.mode))
		r = spool_permit(&subject, &to, SPOOL_MAY_WRITE);
	return r;
}

int permission_to_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent)
{
	struct spool_subject subject = subject_of(req);
	struct spool_attr attr;
	int r;

	if (!checks(fs_of(req)))
		return 0;
	r = look_at(req, ino, &attr);
	if (r == 0)
		r = spool_permit_link(&subject, &attr);
	return r < 0 ? r : permission_in(req, parent, NULL);
}

int permission_to_open(fuse_req_t req, fuse_ino_t ino, int flags)
{
	static const unsigned int masks[] = {
		[O_RDONLY] = SPOOL_MAY_READ,
		[O_WRONLY] = SPOOL_MAY_WRITE,
		[O_RDWR] = SPOOL_MAY_READ | SPOOL_MAY_WRITE,
		[O_ACCMODE] = SPOOL_MAY_READ | SPOOL_MAY_WRITE, /* for ioctl(2) alone */
	};
	unsigned int mask = masks[flags & O_ACCMODE];

	if (flags & OPEN_EXEC)
		mask = SPOOL_MAY_EXEC;
	if (flags & O_TRUNC)
		mask |= SPOOL_MAY_WRITE;
	return permission_to(req, ino, mask);
}

int permission_to_set(fuse_req_t req, fuse_ino_t ino, unsigned int set, bool opened,
		      struct spool_attr *wanted, struct spool_attr *before)
{
	struct spool_subject subject = subject_of(req);
	int r;

	*before = (struct spool_attr){0};
	if (!checks(fs_of(req)))
		return 0;
	r = look_at(req, ino, before);
	return r < 0 ? r : spool_permit_set(&subject, before, set, opened, wanted);
}

int permission_to_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, unsigned int mask)
{
	struct spool_subject subject = subject_of(req);
	struct spool_attr attr;
	int r;

	/* the kernel or the engine checks all others */
	if (!checks(fs_of(req)) || strncmp(name, "user.", 5) != 0)
		return 0;
	r = look_at(req, ino, &attr);
	if (r == 0 && (mask & SPOOL_MAY_WRITE) && S_ISDIR(attr.mode) && (attr.mode & S_ISVTX))
		r = spool_permit_owner(&subject, &attr);
	return r < 0 ? r : spool_permit(&subject, &attr, mask);
}

unsigned int permission_may_cache(struct spool_fs *fs, fuse_ino_t parent)
{
	struct spool_attr attr;

	if (!checks(fs))
		return REPLY_CACHED | REPLY_NEGATIVE;
	if ((fs->missing & SPOOL_FEATURE_EPOCH) ||
	    spool_engine_getattr(fs->engine, parent, &attr) < 0 ||
	    !spool_permit_all_search(fs->owner, &attr))
		return 0;
	return is_roots(fs) ? REPLY_CACHED : REPLY_CACHED | REPLY_NEGATIVE;
}

/* What is cached of names in the directory @ino is no more for all to see. */
static void expire(struct spool_fs *fs, uint64_t ino)
{
	if (is_roots(fs) && spool_notify_drop(fs->notify, ino, SPOOL_TELL_ENTRIES, 0, 0))
		return;
	spool_expire_all(fs);
}

void permission_changed(struct spool_fs *fs, const struct spool_attr *before,
			const struct spool_attr *after)
{
	if (checks(fs) && S_ISDIR(after->mode) && spool_permit_all_search(fs->owner, before) &&
	    !spool_permit_all_search(fs->owner, after) &&
	    spool_engine_was_looked_into(fs->engine, after->ino))
		expire(fs, after->ino);
}

void permission_moved(struct spool_fs *fs, fuse_ino_t from, fuse_ino_t to)
{
	unsigned int here, there;

	if (!checks(fs) || from == to)
		return;
	here = permission_may_cache(fs, from);
	there = permission_may_cache(fs, to);
	/* with the entry moves what the kernel has noted of it; after an exchange either way */
	if (here != there)
		expire(fs, there ? from : to);
}
