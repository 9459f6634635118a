/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "background/reclaim.h"
#include "ops/maker.h"
#include "ops/origin.h"
#include "ops/permission.h"
#include "security/permit.h"

#define MAY_MAKE (SPOOL_MAY_WRITE | SPOOL_MAY_EXEC) /* an entry */

/* The kernel may remember that a name is missing, as all names are made through it. In the private
 * root it may not: there a lookup by the right user makes the directory. */
static unsigned int may_cache(struct spool_fs *fs, fuse_ino_t parent)
{
	unsigned int cached = permission_may_cache(fs, parent);

	if (fs->options->config.layout == SPOOL_LAYOUT_PRIVATE && parent == SPOOL_INO_ROOT)
		cached &= ~REPLY_NEGATIVE;
	return cached;
}

/* Answers what has made an entry of @parent. */
static void reply_made(fuse_req_t req, fuse_ino_t parent, int r, const struct spool_attr *attr)
{
	unsigned int cached = r == 0 ? permission_may_cache(fs_of(req), parent) : 0;

	reply_entry(req, r, attr, cached & REPLY_CACHED);
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
	else if ((r = permission_to(req, parent, SPOOL_MAY_EXEC)) == 0)
		r = spool_engine_lookup(fs->engine, &cred, parent, name, &attr);
	reply_entry(req, r, &attr, may_cache(fs, parent));
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
	int r = permission_to(req, parent, MAY_MAKE);

	if (r == 0)
		r = spool_engine_mknod(fs_of(req)->engine, &cred, parent, name, mode, rdev, &attr);
	reply_made(req, parent, r, &attr);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = permission_to(req, parent, MAY_MAKE);

	if (r == 0)
		r = spool_engine_mkdir(fs_of(req)->engine, &cred, parent, name, mode, &attr);
	reply_made(req, parent, r, &attr);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = maker_cred(req);
	struct spool_attr attr;
	int r = permission_to(req, parent, MAY_MAKE);

	if (r == 0)
		r = spool_engine_symlink(fs_of(req)->engine, &cred, parent, name, target, &attr);
	reply_made(req, parent, r, &attr);
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
	int r = permission_to_link(req, ino, parent);

	if (r == 0)
		r = spool_engine_link(fs_of(req)->engine, &cred, ino, parent, name, &attr);
	reply_made(req, parent, r, &attr);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = reply_cred(req);
	int r = permission_to_remove(req, parent, name);

	reply_status(req, r < 0 ? r : spool_engine_unlink(fs_of(req)->engine, &cred, parent, name));
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct spool_cred cred = reply_cred(req);
	int r = permission_to_remove(req, parent, name);

	reply_status(req, r < 0 ? r : spool_engine_rmdir(fs_of(req)->engine, &cred, parent, name));
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned int flags)
{
	struct spool_cred cred = reply_cred(req);
	int r = permission_to_rename(req, parent, name, new_parent, new_name, flags);

	if (r == 0)
		r = spool_engine_rename(fs_of(req)->engine, &cred, parent, name, new_parent,
					new_name, flags);
	if (r == 0)
		permission_moved(fs_of(req), parent, new_parent);
	reply_status(req, r);
}
