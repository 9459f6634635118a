/* SPDX-License-Identifier: MIT */
#include "ops/control_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "background/sessions.h"
#include "ctl/proto.h"
#include "life/sessions.h"
#include "ops/control_call.h"
#include "ops/reply.h"
#include "util/macros.h"
#include "wait/removals.h"

/* Sessions that are looked at for one page, also those of others, which are passed over: a guess,
 * about a microsecond each. */
#define LOOKS 1000u

#define MS_PER_S 1000u

static void fill(const struct spool_session_info *info, struct spool_ctl_session *ret)
{
	*ret = (struct spool_ctl_session){
		.id = info->id,
		.value = info->value,
		.entries = info->entries,
		.since = info->since,
		.kind = info->kind,
		.state = info->state,
		.owner = info->owner,
		.is_explicit = info->is_explicit,
		.member = info->member,
		.members = info->members,
	};
	if (info->kind == SPOOL_SESSION_CGROUP)
		snprintf(ret->place, sizeof(ret->place), "%s", info->cgroup);
}

/* The same to its owner, or an administrator: with its directory, as far as he can see that. */
static void fill_own(const struct control_call *call, bool is_admin,
		     const struct spool_session_info *info, struct spool_ctl_session *ret)
{
	fill(info, ret);
	if (info->kind == SPOOL_SESSION_DIRECTORY &&
	    spool_engine_bound_path(call->fs->engine, info->id, is_admin ? NULL : &call->cred.uid,
				    ret->place, sizeof(ret->place)) < 0)
		*ret->place = '\0';
}

static void list(const struct control_call *call, struct spool_ctl_sessions *out)
{
	bool is_admin = control_may_administer(call);
	bool has_own = control_has_sessions(call);
	uid_t owner = control_owner(call);
	struct spool_session_info info;

	for (unsigned int i = 0; i < LOOKS && out->count < SPOOL_CTL_SESSIONS; i++) {
		if (spool_sessions_next(call->fs->sessions, out->cursor, &info) < 0) {
			out->cursor = SPOOL_CTL_END;
			return;
		}
		out->cursor = info.id;
		if (is_admin || (has_own && info.owner == owner))
			fill_own(call, is_admin, &info, &out->sessions[out->count++]);
	}
}

void control_sessions(struct control_call *call)
{
	spool_cleanup(free) struct spool_ctl_sessions *out = malloc(sizeof(*out));
	int r = out ? control_take_in(out, sizeof(*out), call) : -ENOMEM;

	if (r == 0 && out->count)
		r = -EINVAL;
	if (r == 0) {
		memset(out->sessions, 0, sizeof(out->sessions));
		list(call, out);
	}
	control_answer(call, r, out, sizeof(*out));
}

/* Of a session that is not the caller's he is told which one it is, and no more. */
static void fill_known(const struct control_call *call, bool is_admin,
		       struct spool_session_info *info, struct spool_ctl_session *ret)
{
	if (is_admin || (control_has_sessions(call) && info->owner == control_owner(call))) {
		fill_own(call, is_admin, info, ret);
		return;
	}
	info->entries = 0;
	info->since = 0;
	info->member = 0;
	info->members = 0;
	fill(info, ret);
}

/* Of a container of the caller's? Not root's: who pays for that depends on where it is. */
static bool is_subordinate(const struct control_call *call, uid_t uid)
{
	const struct spool_cred cred = {.uid = uid, .pid = call->cred.pid};

	return uid != 0 && control_has_sessions(call) &&
	       spool_engine_payer(call->fs->engine, &cred, call->dir) == control_owner(call);
}

/* @uid: of the process */
static int tell_who(const struct control_call *call, uid_t uid, struct spool_ctl_who *out)
{
	const struct spool_cred cred = {.uid = uid, .pid = out->pid};
	struct spool_engine *engine = call->fs->engine;
	struct spool_creator creator = {.tid = out->pid, .uid = uid};
	bool is_admin = control_may_administer(call);
	struct spool_session_info info;
	enum spool_session_why why;

	if (uid != call->cred.uid && !is_admin && !is_subordinate(call, uid))
		return -EPERM;
	creator.owner = spool_engine_payer(engine, &cred, call->dir);
	creator.directory = spool_engine_session_of(engine, call->dir, &creator.is_own);
	spool_sessions_why(call->fs->sessions, &creator, &info, &why);
	fill_known(call, is_admin, &info, &out->session);
	out->why = why;
	return 0;
}

/* By number: when the process has gone meanwhile it may have been another's. */
static int who(const struct control_call *call, struct spool_ctl_who *out)
{
	struct spool_sessions *sessions = call->fs->sessions;
	uid_t uid;
	int process = spool_sessions_hold_pid(sessions, call->cred.pid, out->pid, &uid), r, gone;

	if (process < 0)
		return process;
	r = tell_who(call, uid, out);
	gone = spool_sessions_release_pid(sessions, process);
	return r < 0 ? r : gone;
}

void control_who(struct control_call *call)
{
	struct spool_ctl_who out, wanted = {.version = SPOOL_CTL_VERSION};
	int r = control_take_in(&out, sizeof(out), call);

	if (r == 0) {
		wanted.pid = out.pid;
		r = memcmp(&wanted, &out, sizeof(out)) == 0 ? who(call, &out) : -EINVAL;
	}
	reply_ioctl(call->req, r, &out, sizeof(out));
}

static void get_lives(const struct control_call *call, struct spool_ctl_lives *out)
{
	struct spool_fs *fs = call->fs;
	struct spool_removals_stat names;
	struct spool_life_stat life;

	*out = (struct spool_ctl_lives){.version = SPOOL_CTL_VERSION};
	spool_mutex_lock(&fs->set_lock, SPOOL_RANK_SET);
	out->lifetime = fs->live.config.lifetime;
	out->linger = (uint32_t)(fs->live.config.linger_ms / MS_PER_S);
	out->session = fs->live.session;
	out->grace = fs->live.grace;
	spool_mutex_unlock(&fs->set_lock);
	snprintf(out->source, sizeof(out->source), "%s", spool_life_source(fs->life));
	if (!control_may_administer(call))
		return;
	spool_engine_life_stat(fs->engine, &life);
	spool_removals_stat(fs->removals, &names);
	out->removed = life.removed;
	out->failed = life.failed;
	out->untold = names.left_out;
	out->waiting = life.waiting;
	out->lingering = life.lingering;
}

void control_lives(struct control_call *call)
{
	struct spool_ctl_lives lives, wanted = {.version = SPOOL_CTL_VERSION};
	int r = control_take_in(&lives, sizeof(lives), call);

	if (r == 0 && memcmp(&wanted, &lives, sizeof(lives)) != 0)
		r = -EINVAL;
	if (r == 0)
		get_lives(call, &lives);
	control_answer(call, r, &lives, sizeof(lives));
}
