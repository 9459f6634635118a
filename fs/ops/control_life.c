/* SPDX-License-Identifier: MIT */
#include "ops/control_life.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/proto.h"
#include "ops/control_call.h"
#include "ops/reply.h"

/* The owner of a tree may act on what is in it, whoever made that. Who has got a directory of
 * another's from him has no more rights than before, and so has the root of a container. */
bool control_life_is_own(const struct control_call *call, bool is_admin,
			 const struct spool_attr *attr)
{
	uid_t uid = call->cred.uid;

	if (is_admin || attr->uid == uid)
		return true;
	return uid != 0 && uid != SPOOL_UID_UNKNOWN &&
	       spool_engine_may_change(call->fs->engine, uid, attr->ino);
}

/* Return: 0 and a lookup, of the directory itself for "". */
static int find(const struct control_call *call, const char *name, struct spool_attr *ret)
{
	struct spool_engine *engine = call->fs->engine;

	if (!*name)
		return spool_engine_lookup_ino(engine, call->dir, ret);
	return spool_engine_lookup(engine, &call->cred, call->dir, name, ret);
}

/* What stays until the mount ends does so when its session has ended, too. */
static bool goes(const struct spool_life *life)
{
	return life->ended && life->lifetime != SPOOL_LIFETIME_MOUNT;
}

static int get_life(const struct control_call *call, struct spool_ctl_life *out)
{
	bool is_admin = control_may_administer(call), is_changing;
	struct spool_attr attr;
	struct spool_life life;
	int r = find(call, out->name, &attr);

	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	if (!control_life_is_own(call, is_admin, &attr))
		r = -EPERM;
	else
		r = spool_engine_life(call->fs->engine, attr.ino, &life);
	is_changing =
		spool_engine_is_changing(call->fs->engine, is_admin ? 0 : call->cred.uid, attr.ino);
	spool_engine_forget(call->fs->engine, attr.ino, 1);
	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	out->flags = (goes(&life) ? SPOOL_CTL_LIFE_ENDED : 0) |
		     (life.is_open ? SPOOL_CTL_LIFE_OPEN : 0) |
		     (is_changing ? SPOOL_CTL_LIFE_CHANGING : 0);
	out->lifetime = life.lifetime;
	out->uid = attr.uid;
	out->mode = attr.mode;
	out->ino = attr.ino;
	out->session = life.session;
	out->bound = life.bound;
	out->linger_ms = life.linger_ms;
	memcpy(out->waits_for, life.waits_for, sizeof(out->waits_for));
	return 0;
}

/* Nothing but the name goes in. */
static int take_in(struct control_call *call, struct spool_ctl_life *ret)
{
	struct spool_ctl_life wanted = {.version = SPOOL_CTL_VERSION};
	int r = control_take_in(ret, sizeof(*ret), call);

	if (r < 0)
		return r;
	memcpy(wanted.name, ret->name, sizeof(wanted.name));
	if (!memchr(ret->name, '\0', sizeof(ret->name)) ||
	    memcmp(&wanted, ret, sizeof(wanted)) != 0)
		return -EINVAL;
	return 0;
}

void control_life(struct control_call *call)
{
	struct spool_ctl_life life;
	int r = take_in(call, &life);

	if (r == 0)
		r = get_life(call, &life);
	reply_ioctl(call->req, r, &life, sizeof(life));
}

/* To the engine root may change everything; root of a container may not. Return: 0 and by whom;
 * -EPERM. */
static int changed_by(const struct control_call *call, const struct spool_ctl_change *change,
		      const struct spool_attr *attr, uid_t *ret)
{
	bool is_admin = control_may_administer(call);
	bool of_others = call->fs->options->config.layout == SPOOL_LAYOUT_SHARED &&
			 S_ISDIR(attr->mode) &&
			 (change->flags || change->op == SPOOL_CTL_CHANGE_EXPIRE);

	if (!control_life_is_own(call, is_admin, attr) ||
	    (!is_admin && call->cred.uid == 0 && of_others))
		return -EPERM;
	*ret = is_admin ? 0 : call->cred.uid;
	return 0;
}

static int change_life(const struct control_call *call, const struct spool_ctl_change *change)
{
	struct spool_engine *engine = call->fs->engine;
	struct spool_attr attr;
	int r = find(call, change->name, &attr);
	uid_t by;

	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	r = changed_by(call, change, &attr, &by);
	if (r == 0 && change->op == SPOOL_CTL_CHANGE_EXPIRE)
		r = spool_engine_expire(engine, by, attr.ino);
	else if (r == 0)
		r = spool_engine_set_lifetime(engine, by, attr.ino,
					      (enum spool_lifetime)change->lifetime,
					      change->flags & SPOOL_CTL_CHANGE_TREE);
	spool_engine_forget(engine, attr.ino, 1);
	return r == -ESTALE ? -ENOENT : r;
}

static bool is_change(const struct spool_ctl_change *change)
{
	if (!memchr(change->name, '\0', sizeof(change->name)))
		return false;
	if (change->op == SPOOL_CTL_CHANGE_EXPIRE)
		return change->lifetime == 0 && change->flags == 0;
	return change->op == SPOOL_CTL_CHANGE_LIFETIME &&
	       change->lifetime <= SPOOL_LIFETIME_MOUNT &&
	       !(change->flags & ~(uint32_t)SPOOL_CTL_CHANGE_TREE);
}

void control_change(struct control_call *call)
{
	struct spool_ctl_change change;
	int r = control_take_in(&change, sizeof(change), call);

	if (r == 0 && !is_change(&change))
		r = -EINVAL;
	if (r == 0)
		r = change_life(call, &change);
	reply_ioctl(call->req, r, &change, sizeof(change));
}
