/* SPDX-License-Identifier: MIT */
#include "life/identify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Uids that the kernel shows for those that have no name here (overflowuid, proc(5)): processes of
 * many users. */
#define NOBODY 65534u

struct covering {
	struct spool_sessions *sessions;
	struct session_key key;
	struct session *found;
	size_t len; /* of the path of @found */
};

/* Of several that cover him the one with the longest path. */
static bool find_covering(void *arg, const char *path) SPOOL_UNCHECKED
{
	struct covering *covering = arg;
	struct session *session;

	covering->key.cgroup = path;
	session = session_find_key_locked(covering->sessions, &covering->key);
	if (session && strlen(path) > covering->len) {
		covering->found = session;
		covering->len = strlen(path);
	}
	return !session;
}

static struct session *explicit_locked(struct spool_sessions *sessions,
				       const struct spool_creator *creator,
				       const struct spool_caller *caller)
	SPOOL_REQUIRES(sessions->lock)
{
	const struct session_owner *owner = session_owner_find_locked(sessions, creator->owner);
	struct covering covering = {.sessions = sessions,
				    .key = {.kind = SPOOL_SESSION_LOGIN,
					    .value = caller->audit,
					    .cgroup = "",
					    .is_explicit = true,
					    .owner = creator->owner}};

	if (owner && owner->n_by_audit > 0 && caller->audit != SPOOL_AUDIT_UNSET)
		covering.found = session_find_key_locked(sessions, &covering.key);
	covering.key.kind = SPOOL_SESSION_CGROUP;
	covering.key.value = 0;
	if (!covering.found && owner && owner->n_by_cgroup > 0)
		spool_process_each_cgroup(caller->cgroup, find_covering, &covering);
	return covering.found;
}

static enum spool_session_why by_login(const struct spool_caller *caller, struct session_key *ret)
{
	if (caller->audit == SPOOL_AUDIT_UNSET)
		return SPOOL_WHY_NO_LOGIN;
	ret->kind = SPOOL_SESSION_LOGIN;
	ret->value = caller->audit;
	return SPOOL_WHY_KIND;
}

static bool is_system(const struct spool_sessions *sessions, uid_t uid)
{
	return uid <= sessions->config.sys_uid_max || uid == NOBODY || uid == (uid_t)-1;
}

static enum spool_session_why by_uid(const struct spool_sessions *sessions, uid_t uid,
				     const struct spool_caller *caller, struct session_key *ret)
{
	uid_t payer = sessions_payer(sessions, uid);

	if (is_system(sessions, uid) || is_system(sessions, payer))
		return SPOOL_WHY_SYSTEM;
	if (caller->acts)
		return SPOOL_WHY_ACTS;
	ret->kind = SPOOL_SESSION_UID;
	ret->value = payer;
	return SPOOL_WHY_KIND;
}

void identity_cgroup_name(const struct spool_process_cgroup *cgroup, char *ret)
{
	snprintf(ret, IDENTITY_CGROUP, "%s%s", cgroup->unified ? "" : IDENTITY_V1, cgroup->path);
}

static enum spool_session_why by_cgroup(struct spool_caller *caller, struct identity *ret)
{
	struct spool_process_cgroup cgroup;

	spool_process_parse_cgroup(caller->cgroup, &cgroup);
	if (!cgroup.path)
		return SPOOL_WHY_ROOT;
	ret->key.kind = SPOOL_SESSION_CGROUP;
	identity_cgroup_name(&cgroup, ret->cgroup);
	ret->key.cgroup = ret->cgroup;
	return SPOOL_WHY_KIND;
}

static enum spool_session_why by_mode(const struct spool_sessions *sessions,
				      const struct spool_creator *creator,
				      struct spool_caller *caller, struct identity *ret)
{
	enum spool_session_why why;

	ret->key = (struct session_key){.cgroup = "", .owner = creator->owner};
	switch (sessions->config.mode) {
	case SPOOL_SESSION_AUTO:
		why = by_login(caller, &ret->key);
		return why == SPOOL_WHY_KIND ? why
					     : by_uid(sessions, creator->uid, caller, &ret->key);
	case SPOOL_SESSION_BY_LOGIN:
		return by_login(caller, &ret->key);
	case SPOOL_SESSION_BY_CGROUP:
		return by_cgroup(caller, ret);
	case SPOOL_SESSION_BY_UID:
		return by_uid(sessions, creator->uid, caller, &ret->key);
	case SPOOL_SESSION_BY_SID:
		ret->key.kind = SPOOL_SESSION_SID;
		ret->key.value = (uint64_t)caller->sid;
		return SPOOL_WHY_KIND;
	case SPOOL_SESSION_BY_NONE:
		break;
	}
	return SPOOL_WHY_NONE;
}

/* The session of his directory, if it goes on. */
static struct session *directory_locked(struct spool_sessions *sessions,
					const struct spool_creator *creator)
	SPOOL_REQUIRES(sessions->lock)
{
	struct session *session =
		creator->directory ? session_find_locked(sessions, creator->directory) : NULL;

	return session && session->state != SPOOL_SESSION_OVER &&
			       session->key.owner == creator->owner
		       ? session
		       : NULL;
}

/* While a process of his is known to live he is asked no more than whether he is one of them. */
static unsigned int wants_uids_locked(struct spool_sessions *sessions,
				      const struct spool_creator *creator)
	SPOOL_REQUIRES(sessions->lock)
{
	uid_t payer = sessions_payer(sessions, creator->uid);
	const struct session_key key = {
		.kind = SPOOL_SESSION_UID, .value = payer, .cgroup = "", .owner = creator->owner};
	enum spool_session_mode mode = sessions->config.mode;
	const struct session *session;

	if ((mode != SPOOL_SESSION_AUTO && mode != SPOOL_SESSION_BY_UID) ||
	    is_system(sessions, creator->uid) || is_system(sessions, payer))
		return 0;
	session = session_find_key_locked(sessions, &key);
	return (mode == SPOOL_SESSION_AUTO ? SPOOL_CALLER_ACTS_UNLESS_LOGIN : SPOOL_CALLER_ACTS) |
	       (!session || session->state == SPOOL_SESSION_LEAVING ? SPOOL_CALLER_ACTS_NOW : 0u);
}

unsigned int identity_wants_locked(struct spool_sessions *sessions,
				   const struct spool_creator *creator)
{
	const struct session_owner *owner = session_owner_find_locked(sessions, creator->owner);
	enum spool_session_mode mode = sessions->config.mode;
	bool by_cgroup = mode == SPOOL_SESSION_BY_CGROUP || (owner && owner->n_by_cgroup > 0);

	return wants_uids_locked(sessions, creator) |
	       (mode == SPOOL_SESSION_BY_SID ? SPOOL_CALLER_SID : 0u) |
	       (by_cgroup ? SPOOL_CALLER_CGROUP : 0u);
}

bool identity_by_directory_locked(struct spool_sessions *sessions,
				  const struct spool_creator *creator, struct identity *ret)
{
	ret->why = SPOOL_WHY_DIRECTORY;
	ret->session = directory_locked(sessions, creator);
	return ret->session && !creator->is_own &&
	       ret->session->key.kind == SPOOL_SESSION_DIRECTORY;
}

void identity_locked(struct spool_sessions *sessions, const struct spool_creator *creator,
		     struct spool_caller *caller, struct identity *ret)
{
	if (!caller) {
		ret->why = SPOOL_WHY_UNKNOWN;
		ret->session = directory_locked(sessions, creator);
		return;
	}
	ret->why = SPOOL_WHY_EXPLICIT;
	ret->session = explicit_locked(sessions, creator, caller);
	if (ret->session)
		return;
	ret->why = by_mode(sessions, creator, caller, ret);
	if (ret->why == SPOOL_WHY_KIND)
		ret->session = session_find_key_locked(sessions, &ret->key);
}
