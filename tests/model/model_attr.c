/* SPDX-License-Identifier: MIT */

/* What the naive model knows of attributes, opens and extended attributes. */

#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

void model_attr(const struct model *m, const struct model_node *node, struct spool_attr *ret)
{
	*ret = (struct spool_attr){
		.ino = node->ino,
		.size = node->size,
		.blocks = model_pages(node) * (MODEL_PAGE / 512),
		.mode = node->mode,
		.nlink = model_names(m, node->ino),
		.uid = node->uid,
		.gid = node->gid,
		.rdev = node->rdev,
		.atime = node->atime,
		.mtime = node->mtime,
		.ctime = node->ctime,
	};
	if (model_is_dir(node)) {
		ret->size = model_count(m, node->ino, false) * SPOOL_DIR_ENTRY_SIZE;
		ret->nlink = node->removed ? 0 : 2 + (uint32_t)model_count(m, node->ino, true);
	}
	if (node->target)
		ret->size = strlen(node->target);
	if (model_is_private_root(m, node) || node->role != MODEL_ORDINARY) {
		ret->size = 0;
		ret->nlink = 1;
		ret->atime = ret->mtime = ret->ctime = m->born;
	}
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

void model_times(const struct model *m, struct model_node *node, const char *which)
{
	if (strchr(which, 'm'))
		node->mtime_set = false;
	for (; *which; which++)
		*(*which == 'a'   ? &node->atime
		  : *which == 'm' ? &node->mtime
				  : &node->ctime) = m->now;
}

/* relatime, mount(8) */
void model_accessed(struct model *m, struct model_node *node)
{
	if (compare_times(&node->atime, &node->mtime) <= 0 ||
	    compare_times(&node->atime, &node->ctime) <= 0 ||
	    m->now.tv_sec - node->atime.tv_sec >= 24 * 60 * 60)
		model_times(m, node, "a");
}

void model_kill_set_ids(struct model_node *node)
{
	if (model_is_dir(node))
		return;
	node->mode &= ~(mode_t)S_ISUID;
	if (node->mode & S_IXGRP)
		node->mode &= ~(mode_t)S_ISGID;
}

static int check_owner(const struct model *m, const struct spool_cred *cred,
		       const struct model_node *node, uid_t uid, gid_t gid)
{
	if (m->config.layout == SPOOL_LAYOUT_SHARED || (uid == node->uid && gid == node->gid))
		return 0;
	if (uid == node->uid)
		return 0;
	if (node->role == MODEL_TOP)
		return -EPERM;
	/* in private and single the owner of a tree pays for all of it */
	return cred->uid == 0 && (node->payer == 0 || uid == node->payer) ? 0 : -EPERM;
}

static int check_set(const struct model *m, const struct spool_cred *cred,
		     const struct model_node *node, unsigned int set, const struct spool_attr *attr)
{
	bool owner = set & (SPOOL_SET_UID | SPOOL_SET_GID);

	if (model_is_private_root(m, node) || node->role == MODEL_SELF)
		return -EPERM;
	if ((set & SPOOL_SET_SIZE) && owner)
		return -EINVAL;
	if ((set & SPOOL_SET_MODE) && m->config.modes == SPOOL_MODES_REFUSE && (attr->mode & 07077))
		return -EPERM;
	if ((set & SPOOL_SET_SIZE) && model_is_dir(node))
		return -EISDIR;
	if ((set & SPOOL_SET_SIZE) && !model_is_file(node))
		return -EINVAL;
	if ((set & SPOOL_SET_SIZE) && attr->size > INT64_MAX)
		return -EFBIG;
	if ((set & SPOOL_SET_SIZE) && node->wiped)
		return -EIO;
	return owner ? check_owner(m, cred, node, attr->uid, attr->gid) : 0;
}

/* What is not to be set has the old value in @attr: uid and gid only. */
int model_setattr(struct model *m, const struct spool_cred *cred, uint64_t ino, unsigned int set,
		  const struct spool_attr *attr)
{
	struct model_node *node = model_find(m, ino);
	mode_t keep = 07777;
	int r = node ? check_set(m, cred, node, set, attr) : -ESTALE;

	if (r < 0 || node->role == MODEL_TOP)
		return r; /* of a user's own directory nothing that shows may change */
	if (m->config.modes == SPOOL_MODES_STRICT ||
	    (m->config.layout == SPOOL_LAYOUT_SINGLE && ino == SPOOL_INO_ROOT))
		keep = 0700;
	if (set & SPOOL_SET_SIZE)
		model_size(node, attr->size);
	if (set & (SPOOL_SET_UID | SPOOL_SET_GID)) {
		if (m->config.layout == SPOOL_LAYOUT_SHARED)
			node->payer = attr->uid;
		model_moved(m); /* whose it is decides who may change it */
		node->uid = attr->uid;
		node->gid = attr->gid;
	}
	if (set & SPOOL_SET_MODE)
		node->mode = (node->mode & S_IFMT) | (attr->mode & keep);
	else if (set & (SPOOL_SET_UID | SPOOL_SET_GID | SPOOL_KILL_SUIDGID))
		model_kill_set_ids(node);
	if (set & SPOOL_SET_SIZE)
		model_times(m, node, "m");
	if (set & SPOOL_SET_ATIME)
		node->atime = attr->atime;
	if (set & SPOOL_SET_MTIME)
		node->mtime = attr->mtime;
	if (set & SPOOL_SET_ATIME_NOW)
		model_times(m, node, "a");
	if (set & SPOOL_SET_MTIME_NOW)
		model_times(m, node, "m");
	if (set & (SPOOL_SET_MTIME | SPOOL_SET_MTIME_NOW))
		node->mtime_set = true;
	model_times(m, node, "c");
	return 0;
}

int model_open(struct model *m, uint64_t ino, unsigned int flags)
{
	struct model_node *node = model_find(m, ino);

	if (!node || (node->wiped && model_is_file(node)))
		return -ESTALE;
	if (node->reaped && !model_is_dir(node) && node->n_open == 0 && model_names(m, ino) == 0)
		return -ESTALE;
	node->dropped = false;
	node->n_open++;
	node->life.lingers = false;
	if (flags & SPOOL_OPEN_WRITE)
		node->mtime_set = false;
	if ((flags & SPOOL_OPEN_TRUNCATE) && model_is_file(node)) {
		model_size(node, 0);
		if (flags & SPOOL_KILL_SUIDGID)
			model_kill_set_ids(node);
		model_times(m, node, "mc");
	}
	return 0;
}

void model_release(struct model *m, uint64_t ino)
{
	struct model_node *node = model_find(m, ino);

	if (!node)
		return;
	if (node->n_open == 0)
		return;
	node->n_open--;
	model_closed(m, node);
}

/* What the kernel guards is kept in shared. */
static bool is_guarded(const struct model *m, const char *name)
{
	return m->config.layout == SPOOL_LAYOUT_SHARED && strncmp(name, "trusted.", 8) == 0;
}

static int check_xattr(struct model *m, uint64_t ino, const char *name, struct model_node **ret)
{
	struct model_node *node = *ret = model_find(m, ino);

	if (!node)
		return -ESTALE;
	if (strlen(name) > 255)
		return -ERANGE;
	if (model_is_private_root(m, node))
		return -EPERM;
	if (is_guarded(m, name))
		return 0;
	if (strncmp(name, "user.", 5) != 0 || strncmp(name, "user.spoolfs.", 13) == 0)
		return -EOPNOTSUPP;
	if (name[5] == '\0')
		return -EINVAL;
	return model_is_file(node) || model_is_dir(node) ? 0 : -EPERM;
}

static struct model_xattr *find_xattr(struct model_node *node, const char *name)
{
	for (size_t i = 0; i < node->n_xattrs; i++) {
		if (strcmp(node->xattrs[i].name, name) == 0)
			return &node->xattrs[i];
	}
	return NULL;
}

int model_setxattr(struct model *m, uint64_t ino, const char *name, const void *value, size_t size,
		   int flags)
{
	struct model_node *node;
	struct model_xattr *xattr;
	int r = check_xattr(m, ino, name, &node);

	if (r < 0)
		return r;
	if (size > SPOOL_XATTR_SIZE_MAX)
		return -E2BIG;
	xattr = find_xattr(node, name);
	if (xattr && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!xattr && (flags & XATTR_REPLACE))
		return -ENODATA;
	if (!xattr) {
		if (!node->xattrs)
			node->xattrs = calloc(MODEL_XATTRS, sizeof(*node->xattrs));
		if (node->n_xattrs == MODEL_XATTRS)
			abort(); /* the caller has fewer names */
		xattr = &node->xattrs[node->n_xattrs++];
		strcpy(xattr->name, name);
		xattr->value = NULL;
	}
	xattr->value = realloc(xattr->value, size + 1);
	memcpy(xattr->value, value, size);
	xattr->size = size;
	model_times(m, node, "c");
	return 0;
}

ssize_t model_getxattr(struct model *m, uint64_t ino, const char *name, size_t size,
		       const void **ret)
{
	struct model_node *node = model_find(m, ino);
	struct model_xattr *xattr;

	if (!node)
		return -ESTALE;
	if (strncmp(name, "user.", 5) != 0 && !is_guarded(m, name))
		return -EOPNOTSUPP;
	xattr = find_xattr(node, name);
	if (!xattr)
		return -ENODATA;
	if (size > 0 && size < xattr->size)
		return -ERANGE;
	*ret = xattr->value;
	return (ssize_t)xattr->size;
}

int model_removexattr(struct model *m, uint64_t ino, const char *name)
{
	struct model_node *node;
	struct model_xattr *xattr;
	int r = check_xattr(m, ino, name, &node);

	if (r < 0)
		return r;
	xattr = find_xattr(node, name);
	if (!xattr)
		return -ENODATA;
	free(xattr->value);
	*xattr = node->xattrs[--node->n_xattrs];
	model_times(m, node, "c");
	return 0;
}
