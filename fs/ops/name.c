/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "background/reclaim.h"
#include "ops/maker.h"
#include "ops/origin.h"

/* The kernel may remember that a name is missing, as all names are made through it. In the private
 * root it may not: there a lookup by the right user makes the directory. */
static bool may_cache_negative(const struct spool_fs *fs, fuse_ino_t parent)
{
	return fs->options->config.layout != SPOOL_LAYOUT_PRIVATE || parent != SPOOL_INO_ROOT;
}

/* Answers a file handle that thread @pid has. Directories are connected to the tree again, so that
 * origin.h does not concern them. */
static int lookup_handle(struct spool_fs *fs, fuse_ino_t ino, pid_t pid, struct spool_attr *ret)
{
	bool origin = spool_origin_take(fs->origins, pid, ino);
	int r = spool_engine_lookup_ino(fs->engine, ino, ret);

	if (r == 0 && origin && !S_ISDIR(ret->mode)) {
		spool_engine_forget(fs->engine, ino, 1);
		r = -ESTALE;
	}
	return r;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_cred cred = reply_cred(req);
	struct spool_attr attr;
	int r;

	/* File handles (FUSE_EXPORT_SUPPORT): the kernel looks up inodes that it has forgotten.
	 * @parent may be of any kind, as inode numbers are not used again. "/" is the name of a
	 * dentry that comes from a handle and is in no directory: overlayfs revalidates it so. */
	if (strcmp(name, ".") == 0 || strcmp(name, "/") == 0)
		r = lookup_handle(fs, parent, cred.pid, &attr);
	else if (strcmp(name, "..") == 0)
		r = spool_engine_lookup_parent(fs->engine, parent, &attr);
	else
		r = spool_engine_lookup(fs->engine, &cred, parent, name, &attr);
	reply_entry(req, r, &attr, may_cache_negative(fs, parent));
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	spool_engine_forget(fs_of(req)->engine, ino, nlookup);
	spool_reclaim_kick(fs_of(req)->reclaim);
	reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		spool_engine_forget(fs_of(req)->engine, forgets[i].ino, forgets[i].nlookup);
	spool_reclaim_kick(fs_of(req)->reclaim);
	reply_none(req);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = spool_engine_mknod(fs_of(req)->engine, &cred, parent, name, mode, rdev, &attr);

	reply_entry(req, r, &attr, false);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = spool_engine_mkdir(fs_of(req)->engine, &cred, parent, name, mode, &attr);

	reply_entry(req, r, &attr, false);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = spool_engine_symlink(fs_of(req)->engine, &cred, parent, name, target, &attr);

	reply_entry(req, r, &attr, false);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[SPOOL_SYMLINK_MAX + 1];
	struct spool_cred cred = reply_cred(req);
	int r = spool_engine_readlink(fs_of(req)->engine, &cred, ino, target);

	reply_link(req, r, target);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = spool_engine_link(fs_of(req)->engine, &cred, ino, parent, name, &attr);

	reply_entry(req, r, &attr, false);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = reply_cred(req);

	reply_status(req, spool_engine_unlink(fs_of(req)->engine, &cred, parent, name));
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = reply_cred(req);

	reply_status(req, spool_engine_rmdir(fs_of(req)->engine, &cred, parent, name));
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned int flags)
{
	struct spool_cred cred = reply_cred(req);

	reply_status(req, spool_engine_rename(fs_of(req)->engine, &cred, parent, name, new_parent,
					      new_name, flags));
}
