/* SPDX-License-Identifier: MIT */
#include "engine/attr.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/evict.h"
#include "engine/inode.h"
#include "engine/policy.h"
#include "engine/size.h"
#include "ns/acl.h"
#include "store/object.h"

/* What everybody may see of a private root and the directories in it: nothing that moves. */
static bool is_constant(const struct spool_engine *engine, const struct spool_node *node)
{
	return engine_is_private_root(engine, node) || node->role != SPOOL_NODE_ORDINARY;
}

void engine_attr_locked(const struct spool_engine *engine, const struct spool_node *node,
			struct spool_attr *ret)
{
	*ret = (struct spool_attr){
		.ino = node->ino,
		.size = node->size,
		.blocks = node->blocks,
		.mode = node->mode,
		.nlink = node->nlink,
		.uid = node->uid,
		.gid = node->gid,
		.btime = {.tv_sec = node->btime_sec, .tv_nsec = node->btime_ns},
	};
	spool_node_times_locked(node, &ret->atime, &ret->mtime, &ret->ctime);
	if (S_ISCHR(node->type) || S_ISBLK(node->type))
		ret->rdev = node->rdev;
	if (is_constant(engine, node)) {
		ret->size = 0;
		ret->nlink = 1;
		ret->atime = ret->mtime = ret->ctime = ret->btime = engine->born;
	}
}

void engine_attr(struct spool_engine *engine, struct spool_node *node, struct spool_attr *ret)
{
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	engine_attr_locked(engine, node, ret);
	spool_mutex_unlock(&node->lock);
}

int spool_engine_getattr(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	engine_attr(engine, node, ret);
	engine_put(engine, node);
	return 0;
}

/* In shared an inode is paid for by its owner: move what it has been charged. @node is locked. */
static int change_payer(struct spool_engine *engine, struct spool_node *node,
			uid_t uid) SPOOL_UNCHECKED
{
	struct spool_charge charge = {{0}};
	struct spool_quota_user *to;
	bool has_data = S_ISREG(node->type) && node->file;
	int r;

	r = spool_quota_user_get(engine->quota, engine_payer(engine, uid), &to);
	if (r < 0)
		return r;
	if (has_data) {
		spool_rwlock_wrlock(&node->file->lock, SPOOL_RANK_OBJECT);
		spool_object_charges(node->file->object, &charge);
	}
	charge.amount[SPOOL_RES_SIZE] += node->charged;
	charge.amount[SPOOL_RES_RAM] += node->charged;
	charge.amount[SPOOL_RES_INODES] += 1;
	r = spool_quota_move(node->user, to, &charge, node->charged);
	if (r == 0 && has_data)
		engine_evict_move(engine, node, to);
	if (r == 0) {
		struct spool_quota_user *from = node->user;

		if (node->nlink == 0) {
			spool_quota_add_orphans(from, -1);
			spool_quota_add_orphans(to, 1);
		}
		node->user = to;
		to = from;
	}
	if (has_data)
		spool_rwlock_unlock(&node->file->lock);
	spool_quota_user_put(to);
	return r;
}

static int set_owner(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *node, unsigned int set, const struct spool_attr *attr)
{
	uid_t uid = set & SPOOL_SET_UID ? attr->uid : node->uid;
	gid_t gid = set & SPOOL_SET_GID ? attr->gid : node->gid;
	int r = engine_policy_chown(engine, cred, node, uid, gid);

	if (r == 0 && engine->config.layout == SPOOL_LAYOUT_SHARED && uid != node->uid)
		r = change_payer(engine, node, uid);
	if (r < 0 || (uid == node->uid && gid == node->gid) || node->role == SPOOL_NODE_TOP)
		return r; /* the owner of a top directory is read without a lock: never written */
	node->uid = uid;
	node->gid = gid;
	return 0;
}

static void set_mode(struct spool_engine *engine, struct spool_node *node, mode_t bits)
{
	node->mode = node->type | bits;
	if (engine->config.acl)
		spool_acl_chmod(node->xattrs, bits);
}

static void set_time(struct spool_node *node, unsigned int set, unsigned int explicit,
		     unsigned int now_flag, const char *which, const struct timespec *value,
		     const struct timespec *now) SPOOL_REQUIRES(node->lock)
{
	if (set & now_flag)
		spool_node_set_times_locked(node, which, now);
	else if (set & explicit)
		spool_node_set_times_locked(node, which, value);
}

/* All but the size. @bits: what the policy made of the wanted mode. */
static int set_locked(struct spool_engine *engine, const struct spool_cred *cred,
		      struct spool_node *node, unsigned int set, const struct spool_attr *attr,
		      mode_t bits) SPOOL_REQUIRES(node->lock)
{
	struct timespec now;
	int r = 0;

	if (set & (SPOOL_SET_UID | SPOOL_SET_GID))
		r = set_owner(engine, cred, node, set, attr);
	if (r < 0)
		return r;
	if (node->role == SPOOL_NODE_TOP)
		return 0; /* tar and rsync set "."; nothing that shows may change */
	if (set & SPOOL_SET_MODE)
		set_mode(engine, node, bits);
	else if (set & (SPOOL_SET_UID | SPOOL_SET_GID | SPOOL_KILL_SUIDGID))
		spool_node_kill_set_ids_locked(node, set & SPOOL_OUTSIDER);
	engine_now(engine, &now);
	set_time(node, set, SPOOL_SET_ATIME, SPOOL_SET_ATIME_NOW, "a", &attr->atime, &now);
	set_time(node, set, SPOOL_SET_MTIME, SPOOL_SET_MTIME_NOW, "m", &attr->mtime, &now);
	if ((set & SPOOL_SET_SIZE) && !(set & (SPOOL_SET_MTIME | SPOOL_SET_MTIME_NOW)))
		spool_node_set_times_locked(node, "m", &now);
	spool_node_set_times_locked(node, "c", &now);
	if (set & (SPOOL_SET_MTIME | SPOOL_SET_MTIME_NOW))
		node->flags |= SPOOL_NODE_MTIME_SET;
	else if (set & SPOOL_SET_SIZE)
		node->flags &= (uint8_t)~SPOOL_NODE_MTIME_SET;
	return 0;
}

/* What can be refused without a look at the node's changing parts. */
static int check_set(const struct spool_engine *engine, const struct spool_node *node,
		     unsigned int set, const struct spool_attr *attr, mode_t *ret_bits)
{
	if (engine_is_private_root(engine, node) || node->role == SPOOL_NODE_SELF)
		return -EPERM;
	if ((set & SPOOL_SET_SIZE) && (set & (SPOOL_SET_UID | SPOOL_SET_GID)))
		return -EINVAL; /* both can fail, and neither could be taken back */
	return set & SPOOL_SET_MODE ? engine_policy_chmod(engine, node, attr->mode, ret_bits) : 0;
}

int spool_engine_setattr(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			 unsigned int set, const struct spool_attr *attr, struct spool_attr *ret)
{
	struct spool_node *node = engine_get(engine, ino);
	mode_t bits = 0;
	int r;

	if (!node)
		return -ESTALE;
	r = check_set(engine, node, set, attr, &bits);
	if (r == 0 && (set & SPOOL_SET_SIZE))
		r = engine_truncate(engine, node, attr->size, set);
	if (r == 0) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		r = set_locked(engine, cred, node, set, attr, bits);
		if (r == 0)
			engine_attr_locked(engine, node, ret);
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return r;
}

bool spool_engine_is_open(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *node = engine_get(engine, ino);
	bool open;

	if (!node)
		return false;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	open = node->n_open > 0;
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	return open;
}
