/* SPDX-License-Identifier: MIT */
#include "ops/control_explicit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/proto.h"
#include "life/sessions.h"
#include "ops/control_call.h"
#include "ops/control_life.h"
#include "ops/reply.h"
#include "util/macros.h"

static uid_t payer_of(const struct control_call *call, uid_t uid)
{
	/* any pid: uid 0 without one is nobody in particular */
	const struct spool_cred cred = {.uid = uid, .pid = 1};

	return spool_engine_payer(call->fs->engine, &cred, SPOOL_INO_ROOT);
}

static bool is_begin(const struct spool_ctl_begin *begin)
{
	const char *end = memchr(begin->cgroup, '\0', sizeof(begin->cgroup));
	bool is_login = begin->kind == SPOOL_SESSION_LOGIN;

	if (!end || begin->id || begin->holder < 0 || begin->value > UINT32_MAX)
		return false;
	for (const char *p = end; p < begin->cgroup + sizeof(begin->cgroup); p++) {
		if (*p)
			return false;
	}
	return (is_login || !begin->value) &&
	       (begin->kind == SPOOL_SESSION_CGROUP || !*begin->cgroup) &&
	       (is_login || begin->kind == SPOOL_SESSION_CGROUP ||
		begin->kind == SPOOL_SESSION_DIRECTORY);
}

/* May the caller begin it? Return: 0 and whose it is; -EPERM; -ESTALE; of the holder. */
static int check_begin(const struct control_call *call, const struct spool_ctl_begin *begin,
		       uid_t *ret_owner)
{
	bool is_admin = control_may_administer(call);
	struct spool_attr attr;
	uid_t uid;
	int r = spool_engine_getattr(call->fs->engine, call->dir, &attr);

	if (r < 0)
		return r;
	if (begin->uid != SPOOL_CTL_UNKNOWN && !is_admin)
		return -EPERM;
	if (begin->kind == SPOOL_SESSION_DIRECTORY && !control_life_is_own(call, is_admin, &attr))
		return -EPERM;
	*ret_owner =
		begin->uid == SPOOL_CTL_UNKNOWN ? control_owner(call) : payer_of(call, begin->uid);
	if (!begin->holder)
		return 0;
	return spool_sessions_check_pid(call->fs->sessions, call->cred.pid, begin->holder, &uid);
}

/* The host's root may remove anything; root of a container may not, though it has the same number.
 */
static bool is_roots(const struct control_call *call, uid_t owner)
{
	return owner == 0 && control_may_administer(call);
}

static int begin_session(const struct control_call *call, struct spool_ctl_begin *begin)
{
	struct spool_session_binding binding = {.kind = (enum spool_session_kind)begin->kind,
						.audit = (uint32_t)begin->value,
						.cgroup = begin->cgroup,
						.holder = begin->holder};
	int r = check_begin(call, begin, &binding.owner);

	if (r == 0)
		r = spool_session_begin(call->fs->sessions, &binding, &begin->id);
	if (r < 0 || binding.kind != SPOOL_SESSION_DIRECTORY)
		return r;
	r = spool_engine_bind(call->fs->engine, call->dir, begin->id,
			      is_roots(call, binding.owner) ? NULL : &binding.owner);
	if (r < 0)
		spool_session_undo(call->fs->sessions, begin->id);
	return r;
}

void control_begin(struct control_call *call)
{
	spool_cleanup(free) struct spool_ctl_begin *begin = malloc(sizeof(*begin));
	int r = begin ? control_take_in(begin, sizeof(*begin), call) : -ENOMEM;

	if (r == 0 && !is_begin(begin))
		r = -EINVAL;
	if (r == 0 && !control_has_sessions(call))
		r = -EPERM;
	if (r == 0)
		r = begin_session(call, begin);
	reply_ioctl(call->req, r == -ESTALE ? -ENOENT : r, begin, begin ? sizeof(*begin) : 0);
}

/* Return: 0, and whose it is; as spool_session_end(). */
static int end_now(const struct control_call *call, uid_t own, bool is_admin, uint64_t id,
		   uint32_t *ret_owner)
{
	struct spool_session_info info;
	int r = spool_sessions_info(call->fs->sessions, id, &info);

	if (r == 0)
		r = spool_session_end(call->fs->sessions, id, own, is_admin);
	if (r < 0)
		return r;
	/* so that it is asked about as one that has ended from now on */
	spool_engine_session_end(call->fs->engine, id);
	*ret_owner = info.owner;
	return 0;
}

static int end_session(const struct control_call *call, struct spool_ctl_end *end)
{
	bool is_admin = control_may_administer(call);
	struct spool_sessions *sessions = call->fs->sessions;
	uid_t own = control_owner(call);
	struct spool_session_info info;
	int r = 0;

	if (end->op == SPOOL_CTL_END_NOW)
		r = end_now(call, own, is_admin, end->id, &end->owner);
	else if (end->owner != own && !is_admin)
		r = -EPERM;
	else if (spool_sessions_info(sessions, end->id, &info) == 0 &&
		 (info.owner != end->owner || info.state != SPOOL_SESSION_OVER))
		r = -ENOENT;
	if (r < 0)
		return r;
	end->left = spool_engine_session_goes(call->fs->engine, end->id);
	if (spool_sessions_info(sessions, end->id, &info) == 0) {
		end->stays = info.entries;
		/* it is not listed any more when its end has been handed out */
		end->left |= info.entries == 0;
	}
	return 0;
}

void control_end(struct control_call *call)
{
	struct spool_ctl_end end;
	int r = control_take_in(&end, sizeof(end), call);

	if (r == 0 && (end.op > SPOOL_CTL_END_ASK || end.left || end.stays ||
		       (end.op == SPOOL_CTL_END_NOW && end.owner)))
		r = -EINVAL;
	if (r == 0 && !control_has_sessions(call))
		r = -EPERM;
	if (r == 0)
		r = end_session(call, &end);
	control_answer(call, r, &end, sizeof(end));
}
