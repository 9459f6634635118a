/* SPDX-License-Identifier: MIT */
#include "life/look.h"
#include "life/process.h"

#include <errno.h>
#include <string.h>

/* Explicit sessions: bound to what they cover, and ended by somebody. */

static int check(const struct spool_session_binding *binding)
{
	const char *path = binding->cgroup;

	switch (binding->kind) {
	case SPOOL_SESSION_LOGIN:
		return binding->audit == SPOOL_AUDIT_UNSET ? -EINVAL : 0;
	case SPOOL_SESSION_CGROUP:
		/* as the kernel writes it */
		return !path || path[0] != '/' || path[1] == '\0' || strstr(path, "//") ||
				       path[strlen(path) - 1] == '/' ||
				       strlen(path) >= SPOOL_PROCESS_TEXT
			       ? -EINVAL
			       : 0;
	case SPOOL_SESSION_DIRECTORY:
		return 0;
	case SPOOL_SESSION_UID:
	case SPOOL_SESSION_SID:
		break;
	}
	return -EINVAL;
}

/* Of a process, not of a thread. @status: of the number @pid */
static int read_uid(const struct spool_life_system *system, int status, pid_t pid, uid_t *ret)
{
	char text[SPOOL_PROCESS_TEXT];
	int r = spool_process_read_file(system, status, SPOOL_PROCESS_STATUS, text);
	uid_t uids[4];
	pid_t tgid;

	if (r == 0)
		r = spool_process_parse_tgid(text, &tgid);
	if (r == 0)
		r = spool_process_parse_uids(text, uids);
	if (r < 0)
		return r;
	*ret = uids[3];
	return tgid == pid ? 0 : -ESRCH;
}

int spool_sessions_hold_pid(struct spool_sessions *sessions, pid_t tid, pid_t pid, uid_t *ret_uid)
{
	const struct spool_life_system *system = sessions->system;
	unsigned int levels;
	int handle, r;

	if (tid <= 0 || spool_process_levels(system, sessions->host, tid, &levels) < 0 ||
	    levels != 1)
		return -EXDEV;
	if (pid <= 0)
		return -ESRCH;
	handle = system->open_file(system->ctx, -1, pid, SPOOL_PROCESS_STATUS);
	if (handle < 0)
		return handle == -ENOENT ? -ESRCH : handle;
	r = read_uid(system, handle, pid, ret_uid);
	if (r == 0)
		return handle;
	system->close(system->ctx, handle);
	return r;
}

int spool_sessions_release_pid(struct spool_sessions *sessions, int handle)
{
	const struct spool_life_system *system = sessions->system;
	char text[SPOOL_PROCESS_TEXT];
	int r = spool_process_read_file(system, handle, SPOOL_PROCESS_STATUS, text);

	system->close(system->ctx, handle);
	return r;
}

int spool_sessions_check_pid(struct spool_sessions *sessions, pid_t tid, pid_t pid, uid_t *ret_uid)
{
	int handle = spool_sessions_hold_pid(sessions, tid, pid, ret_uid);

	return handle < 0 ? handle : spool_sessions_release_pid(sessions, handle);
}

static int begin_locked(struct spool_sessions *sessions,
			const struct spool_session_binding *binding, uint64_t *ret_id)
	SPOOL_REQUIRES(sessions->lock)
{
	struct session_key key = {
		.kind = binding->kind, .cgroup = "", .is_explicit = true, .owner = binding->owner};
	struct session *session;
	int r;

	if (binding->kind == SPOOL_SESSION_LOGIN)
		key.value = binding->audit;
	if (binding->kind == SPOOL_SESSION_CGROUP)
		key.cgroup = binding->cgroup;
	if (binding->kind != SPOOL_SESSION_DIRECTORY && session_find_key_locked(sessions, &key))
		return -EEXIST;
	r = session_owner_add_locked(sessions, binding->owner);
	if (r < 0)
		return r;
	session = session_add_locked(sessions, &key);
	if (!session) {
		session_owner_remove_locked(sessions, binding->owner);
		return -ENOMEM;
	}
	*ret_id = session->id;
	if (binding->holder == 0)
		return 0;
	r = look_hold_locked(sessions, session, binding->holder);
	if (r < 0)
		session_drop_locked(sessions, session);
	return r;
}

int spool_session_begin(struct spool_sessions *sessions,
			const struct spool_session_binding *binding, uint64_t *ret_id)
{
	uint64_t id = SPOOL_SESSION_NONE;
	int r = check(binding);

	if (r < 0)
		return r;
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	r = begin_locked(sessions, binding, &id);
	spool_mutex_unlock(&sessions->lock);
	if (r < 0)
		return r;
	if (binding->holder)
		sessions->config.wake(sessions->config.ctx);
	*ret_id = id;
	return 0;
}

int spool_session_end(struct spool_sessions *sessions, uint64_t id, uid_t by, bool is_admin)
{
	struct session *session;
	int r = 0;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, id);
	if (!session || session->state == SPOOL_SESSION_OVER ||
	    (session->key.owner != by && !is_admin))
		r = -ENOENT;
	else if (!session->key.is_explicit)
		r = -EINVAL;
	else
		session_over_locked(sessions, session);
	spool_mutex_unlock(&sessions->lock);
	if (r == 0)
		sessions->config.wake(sessions->config.ctx);
	return r;
}

void spool_session_undo(struct spool_sessions *sessions, uint64_t id)
{
	struct session *session;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, id);
	if (session)
		session_drop_locked(sessions, session);
	spool_mutex_unlock(&sessions->lock);
}

bool spool_session_covers(struct spool_sessions *sessions, uint64_t id)
{
	struct session *session;
	bool covers;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, id);
	covers = session && session->state != SPOOL_SESSION_OVER &&
		 session->key.kind == SPOOL_SESSION_DIRECTORY;
	spool_mutex_unlock(&sessions->lock);
	return covers;
}
