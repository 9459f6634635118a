/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <linux/capability.h>
#include <linux/xattr.h>

#include "ops/origin.h"
#include "ops/permission.h"
#include "ops/set_ids.h"
#include "security/permit.h"
#include "security/subuid.h"
#include "util/macros.h"
#include "security/witness.h"

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct spool_attr attr;

	(void)fi;
	reply_attr(req, spool_engine_getattr(fs_of(req)->engine, ino, &attr), &attr);
}

static unsigned int what_to_set(int to_set)
{
	static const struct {
		int fuse;
		unsigned int spool;
	} map[] = {
		{FUSE_SET_ATTR_MODE, SPOOL_SET_MODE},
		{FUSE_SET_ATTR_UID, SPOOL_SET_UID},
		{FUSE_SET_ATTR_GID, SPOOL_SET_GID},
		{FUSE_SET_ATTR_SIZE, SPOOL_SET_SIZE},
		{FUSE_SET_ATTR_ATIME, SPOOL_SET_ATIME},
		{FUSE_SET_ATTR_MTIME, SPOOL_SET_MTIME},
		{FUSE_SET_ATTR_ATIME_NOW, SPOOL_SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, SPOOL_SET_MTIME_NOW},
	};
	unsigned int set = 0;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(map); i++) {
		if (to_set & map[i].fuse)
			set |= map[i].spool;
	}
	return set;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct spool_attr wanted = {
		.mode = attr->st_mode,
		.uid = attr->st_uid,
		.gid = attr->st_gid,
		.size = (uint64_t)attr->st_size,
		.atime = attr->st_atim,
		.mtime = attr->st_mtim,
	};
	struct spool_cred cred = reply_cred(req);
	struct spool_attr result, before;
	unsigned int set = what_to_set(to_set) | reply_wait_flags(req);
	/* without the feature the kernel truncates in this way what it opens with O_TRUNC */
	bool opened = fi && !(fs_of(req)->missing & SPOOL_FEATURE_ATOMIC_O_TRUNC);
	int r;

	r = permission_to_set(req, ino, set, opened, &wanted, &before);
	if (r < 0) {
		reply_attr(req, r, NULL);
		return;
	}
	if (to_set & FUSE_SET_ATTR_UID)
		spool_subuids_refresh(fs_of(req)->subuids, attr->st_uid);
	if (reply_kill_suidgid(req))
		set |= SPOOL_KILL_SUIDGID;
	if (set & (SPOOL_KILL_SUIDGID | SPOOL_SET_UID | SPOOL_SET_GID)) {
		struct spool_set_ids ids = spool_set_ids_of(fs_of(req), ino);

		set |= spool_set_ids_outsider(req, &ids);
	}
	r = spool_engine_setattr(fs_of(req)->engine, &cred, ino, set, &wanted, &result);
	if (r == 0)
		permission_changed(fs_of(req), &before, &result);
	reply_attr(req, r, &result);
}

void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	reply_status(req, permission_to(req, ino, (unsigned int)mask & 7));
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct spool_cred cred = reply_known_cred(req);
	struct spool_statfs stat;
	int r = SPOOL_COUNT_FIRST;

	(void)ino;
	if (!reply_waits(req, r))
		r = spool_engine_statfs(fs_of(req)->engine, &cred, &stat);
	reply_statfs(req, r, &stat);
}

/* Without FUSE_POSIX_ACL the kernel does not know that an ACL has changed the mode. */
static bool changes_mode_unseen(const struct spool_fs *fs, const char *name)
{
	return !fs->options->config.acl && strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) == 0;
}

/* Whether the kernel, which has asked for the right to write, must say who it is as well. */
static bool is_for_owner(const char *name)
{
	return strcmp(name, SPOOL_XATTR_LIFETIME) == 0;
}

/* Where the kernel enforces no ACLs it does not say either whether who sets one is outside the
 * group, and so drops the set-group-ID bit. */
static bool drops_sgid(fuse_req_t req, const char *name, const struct spool_attr *attr)
{
	struct spool_fs *fs = fs_of(req);
	pid_t pid = fuse_req_ctx(req)->pid;

	return (attr->mode & S_ISGID) && changes_mode_unseen(fs, name) &&
	       !spool_witness_in_group(fs->witness, pid, attr->gid) &&
	       !spool_witness_has_over(fs->witness, pid, CAP_FSETID, attr->uid, attr->gid);
}

/* An ACL may change the mode. Return: as spool_engine_setxattr(). */
static int set_xattr(fuse_req_t req, const struct spool_cred *cred, fuse_ino_t ino,
		     const char *name, const char *value, size_t size, int flags)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_attr before, after;
	int r = spool_engine_getattr(fs->engine, ino, &before);

	if (r == 0 && drops_sgid(req, name, &before))
		flags |= SPOOL_XATTR_KILL_SGID;
	if (r == 0)
		r = spool_engine_setxattr(fs->engine, cred, ino, name, value, size, flags);
	if (r == 0 && spool_engine_getattr(fs->engine, ino, &after) == 0)
		permission_changed(fs, &before, &after);
	return r;
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_cred cred = is_for_owner(name) ? reply_known_cred(req) : reply_cred(req);
	ssize_t r = 0;

	if (reply_told(req, &r) != SPOOL_TOLD_NOT) {
		reply_status(req, (int)r);
		return;
	}
	flags &= XATTR_CREATE | XATTR_REPLACE;
	if (reply_kill_suidgid(req))
		flags |= SPOOL_XATTR_KILL_SGID;
	r = permission_to_xattr(req, ino, name, SPOOL_MAY_WRITE);
	if (r == 0)
		r = set_xattr(req, &cred, ino, name, value, size, flags);
	if (r == 0 && changes_mode_unseen(fs, name) && reply_can_tell(req))
		reply_tell_first(req, ino, SPOOL_TELL_ATTRS, r);
	else
		reply_status(req, (int)r);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct spool_fs *fs = fs_of(req);
	void *buf = reply_buffer(fs);
	ssize_t r = -ENOMEM;

	size = spool_min_u64(size, fs_of(req)->max_write);
	if (buf)
		r = permission_to_xattr(req, ino, name, SPOOL_MAY_READ);
	if (r == 0)
		r = spool_engine_getxattr(fs->engine, ino, name, buf, size);
	if (r > 0 && size > 0)
		spool_origin_note(fs->origins, fuse_req_ctx(req)->pid, name, buf, (size_t)r);
	reply_xattr(req, r, buf, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct spool_fs *fs = fs_of(req);
	void *buf = reply_buffer(fs);
	bool trusted = false;
	ssize_t r = -ENOMEM;

	size = spool_min_u64(size, fs_of(req)->max_write);
	if (buf)
		r = spool_engine_listxattr(fs->engine, ino, buf, size, &trusted);
	/* only administrators see some of them: ask for the privilege only if it matters */
	if (trusted &&
	    spool_witness_has(fs_of(req)->witness, fuse_req_ctx(req)->pid, CAP_SYS_ADMIN))
		r = spool_engine_listxattr(fs->engine, ino, buf, size, &trusted);
	reply_xattr(req, r, buf, size);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct spool_cred cred = reply_cred(req);
	int r = permission_to_xattr(req, ino, name, SPOOL_MAY_WRITE);

	if (r == 0)
		r = spool_engine_removexattr(fs_of(req)->engine, &cred, ino, name);
	reply_status(req, r);
}
