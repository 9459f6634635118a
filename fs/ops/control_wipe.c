/* SPDX-License-Identifier: MIT */
#include "ops/control_wipe.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/proto.h"
#include "ops/control_call.h"

/* Is the directory that is asked that of @uid in the private root? */
static bool is_top_of(const struct control_call *call, uid_t uid)
{
	struct spool_engine *engine = call->fs->engine;
	struct spool_attr attr;
	char name[16];
	bool is;

	snprintf(name, sizeof(name), "%u", uid);
	if (spool_engine_lookup(engine, &call->cred, SPOOL_INO_ROOT, name, &attr) < 0)
		return false;
	is = attr.ino == call->dir;
	spool_engine_forget(engine, attr.ino, 1);
	return is;
}

/* What the caller may wipe. Return: 0, and *@ret_all or whose tree; -EPERM; -EINVAL; -ESTALE. */
static int find_scope(const struct control_call *call, bool *ret_all, uid_t *ret_tree)
{
	bool is_private = call->fs->options->config.layout == SPOOL_LAYOUT_PRIVATE;
	bool is_admin = control_may_administer(call);
	struct spool_attr attr;
	int r;

	*ret_all = is_admin && call->dir == SPOOL_INO_ROOT;
	*ret_tree = call->cred.uid;
	/* uid 0 without the powers of the host's root is a container's: the tree is not its own */
	if (!is_admin && (!is_private || call->cred.uid == 0))
		return -EPERM;
	if (call->dir == SPOOL_INO_ROOT)
		return 0;
	if (!is_private)
		return -EINVAL;
	r = spool_engine_getattr(call->fs->engine, call->dir, &attr);
	if (r < 0)
		return r;
	if (!is_admin && attr.uid != call->cred.uid)
		return -EPERM;
	*ret_tree = attr.uid;
	return is_top_of(call, attr.uid) ? 0 : -EINVAL;
}

static int wipe(const struct control_call *call, struct spool_ctl_wipe *wanted)
{
	bool all;
	uid_t tree;
	int r = find_scope(call, &all, &tree);

	if (r == 0 && wanted->op == SPOOL_CTL_WIPE_BEGIN)
		r = spool_engine_wipe(call->fs->engine, all ? NULL : &tree);
	if (r == 0)
		wanted->left = spool_engine_is_wiping(call->fs->engine, all ? NULL : &tree);
	return r == -ESTALE ? -ENOENT : r;
}

void control_wipe(struct control_call *call)
{
	struct spool_ctl_wipe wanted;
	int r = control_take_in(&wanted, sizeof(wanted), call);

	if (r == 0 && (wanted.op > SPOOL_CTL_WIPE_ASK || wanted.left || wanted.reserved))
		r = -EINVAL;
	if (r == 0)
		r = wipe(call, &wanted);
	control_answer(call, r, &wanted, sizeof(wanted));
}
