/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/fuse.h>

#include "ops/dirs.h"
#include "ops/permission.h"
#include "security/permit.h"
#include "util/macros.h"

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct spool_fs *fs = fs_of(req);
	int r = permission_to(req, ino, SPOOL_MAY_READ);
	bool opened = r == 0 && (r = spool_dirs_open(fs->dirs, &fi->fh)) == 0;

	if (opened) {
		r = spool_engine_open(fs->engine, ino, 0);
		if (r < 0)
			spool_dirs_close(fs->dirs, fi->fh);
	}
	if (reply_open(req, ino, r, fi) < 0 && r == 0)
		spool_dirs_close(fs->dirs, fi->fh);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	spool_dirs_close(fs_of(req)->dirs, fi->fh);
	op_release(req, ino, fi);
}

struct listing {
	fuse_req_t req;
	char *buf;
	size_t used, size;
	bool plus;
	bool linked; /* to the tree: the kernel may remember the entries */
};

static bool add_entry(void *arg, const char *name, size_t name_len, const struct spool_attr *attr,
		      uint64_t cookie)
{
	struct listing *list = arg;
	struct fuse_entry_param entry;
	size_t n;

	(void)name_len;
	/* the kernel uses only the inode number of "." and ".." */
	reply_fill_entry(attr, true, &entry);
	if (!list->linked)
		entry.ino = 0; /* the entry alone is of use */
	if (list->plus) {
		n = fuse_add_direntry_plus(list->req, list->buf + list->used,
					   list->size - list->used, name, &entry, (off_t)cookie);
	} else {
		n = fuse_add_direntry(list->req, list->buf + list->used, list->size - list->used,
				      name, &entry.attr, (off_t)cookie);
	}
	if (n > list->size - list->used)
		return false;
	list->used += n;
	assert(list->used <= list->size);
	return true;
}

/* The kernel did not take the answer, so it sends no FORGET for the lookups in it. */
static void forget_entries(struct spool_engine *engine, const struct listing *list)
{
	for (size_t at = 0; at < list->used;) {
		struct fuse_direntplus entry;
		const char *name = list->buf + at + FUSE_NAME_OFFSET_DIRENTPLUS;

		memcpy(&entry, list->buf + at, sizeof(entry));
		if (entry.dirent.namelen > 2 || memcmp(name, "..", entry.dirent.namelen) != 0)
			spool_engine_forget(engine, entry.dirent.ino, 1);
		at += FUSE_DIRENTPLUS_SIZE(&entry);
		assert(at <= list->used);
	}
}

static void list_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, uint64_t handle,
		     bool plus)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_cred cred = reply_cred(req);
	struct listing list = {.req = req, .buf = reply_buffer(fs), .plus = plus};
	int r = -ENOMEM;

	/* What must not be cached is not told with an end of its time either: to the kernel that
	 * would be news of a name that others, who began when it could be cached, may be about to
	 * remember. */
	list.linked = plus && permission_may_cache(fs, ino);
	list.size = spool_min_u64(size, fs_of(req)->max_write);
	if (list.buf)
		r = spool_engine_readdir(fs->engine, &cred, ino, (uint64_t)off,
					 spool_dirs_end(handle), list.linked, add_entry, &list);
	if (reply_data(req, r < 0 ? r : (ssize_t)list.used, list.buf) < 0 && r == 0 && list.linked)
		forget_entries(fs->engine, &list);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	list_dir(req, ino, size, off, fi->fh, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	list_dir(req, ino, size, off, fi->fh, true);
}
