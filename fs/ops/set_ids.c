/* SPDX-License-Identifier: MIT */
#include "ops/set_ids.h"

#include <assert.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include "security/witness.h"

struct spool_set_ids spool_set_ids_of(struct spool_fs *fs, fuse_ino_t ino)
{
	struct spool_set_ids ret = {.ino = ino};
	struct spool_attr attr;

	if (spool_engine_getattr(fs->engine, ino, &attr) < 0 || S_ISDIR(attr.mode))
		return ret;
	ret.mode = attr.mode;
	ret.bits = attr.mode & (S_ISUID | S_ISGID);
	ret.gid = attr.gid;
	return ret;
}

static bool has_fsetid(fuse_req_t req)
{
	return spool_witness_has(fs_of(req)->witness, fuse_req_ctx(req)->pid, CAP_FSETID);
}

static bool in_group(fuse_req_t req, gid_t gid)
{
	return spool_witness_in_group(fs_of(req)->witness, fuse_req_ctx(req)->pid, gid);
}

/* Where the group may execute the file the bit is cleared in any case. */
static bool matters(const struct spool_set_ids *before)
{
	return (before->bits & S_ISGID) && !(before->mode & S_IXGRP);
}

unsigned int spool_set_ids_outsider(fuse_req_t req, const struct spool_set_ids *before)
{
	if (!matters(before) || in_group(req, before->gid) || has_fsetid(req))
		return 0;
	return SPOOL_OUTSIDER;
}

unsigned int spool_set_ids_rule(fuse_req_t req, const struct spool_set_ids *before)
{
	if (before->bits == 0 || has_fsetid(req))
		return 0;
	return SPOOL_KILL_SUIDGID |
	       (matters(before) && !in_group(req, before->gid) ? SPOOL_OUTSIDER : 0);
}

bool spool_set_ids_tell(fuse_req_t req, const struct spool_set_ids *before, ssize_t r)
{
	if (before->bits == 0 || r < 0 ||
	    spool_set_ids_of(fs_of(req), before->ino).bits == before->bits || !reply_can_tell(req))
		return false;
	assert(before->ino != 0);
	reply_tell_first(req, before->ino, SPOOL_TELL_ATTRS, r);
	return true;
}
