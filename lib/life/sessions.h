/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sessions: whose work a file belongs to, and when that is over.
 *
 * A session is of one kind and has one owner, the owner of the tree in which the files lie. It
 * begins with the first file of it, and is over when no process of it is left: after two complete
 * looks at all processes that found none, with nothing made in it between them. One process of it,
 * the oldest, is watched, so nobody looks as long as that lives; when it has ended, one look serves
 * all sessions that wait for one. What cannot be read is never taken for gone.
 *
 *     spool_sessions_of()     with each create: the session of the new entry
 *     spool_sessions_done()   when the entry stands, or could not be made
 *     spool_sessions_add()    when an entry has got it without that: its directory's
 *     spool_sessions_put()    when an entry has gone
 *     spool_session_begin()   and _end(): explicit ones
 *     spool_sessions_event()  what is watched has ended
 *     spool_sessions_run()    looks when it is time; one thread does that
 *     spool_sessions_take()   those that are over: their entries can go
 *
 * Any thread may call any function but _run() and _take(), which are one thread's. All take the
 * table's lock (SPOOL_RANK_LIFE), so nodes may be locked, and quota's lock not.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "life/system.h"
#include "util/host.h"

struct spool_sessions;

/** No session: such an entry stays until the mount ends. */
#define SPOOL_SESSION_NONE 0u

/** No session either, whatever that of its directory is: it would be over too early. */
#define SPOOL_SESSION_STAYS UINT64_MAX

/** Explicit sessions of one owner that are not over: one may have no entry that pays for it. A
 * guess: some for each job of a busy batch machine; 300 bytes each. */
#define SPOOL_SESSION_EXPLICIT_MAX 1024u

/** Processes of the daemon itself: supervisor, worker, witness and janitor. */
#define SPOOL_SESSION_OWN_MAX 4u

/** What is kept of the name of a cgroup for a list, with its end. */
#define SPOOL_SESSION_CGROUP_SHOWN 256u

/** enum spool_session_mode - the option session= */
enum spool_session_mode {
	SPOOL_SESSION_AUTO,
	SPOOL_SESSION_BY_LOGIN,
	SPOOL_SESSION_BY_CGROUP,
	SPOOL_SESSION_BY_UID,
	SPOOL_SESSION_BY_SID,
	SPOOL_SESSION_BY_NONE, /* explicit ones only */
};

/** enum spool_session_kind - what holds a session together. Explicit ones have two: this, and what
 * they are bound to */
enum spool_session_kind {
	SPOOL_SESSION_LOGIN,  /* an audit session id */
	SPOOL_SESSION_CGROUP, /* a cgroup, those below it as well if it is explicit */
	SPOOL_SESSION_UID,    /* who pays for the uid: all whose uids he pays for */
	SPOOL_SESSION_SID,
	SPOOL_SESSION_DIRECTORY, /* explicit ones only */
};

/** enum spool_session_state - see lib/README.md, "Sessions" */
enum spool_session_state {
	SPOOL_SESSION_SOUGHT,    /* a member is looked for */
	SPOOL_SESSION_WATCHED,   /* a member lives, and we are told when it ends */
	SPOOL_SESSION_UNWATCHED, /* a member lives; there is no descriptor to be told by */
	SPOOL_SESSION_LEAVING,   /* one look has found nobody */
	SPOOL_SESSION_OVER,      /* it is, and its entries go */
};

/**
 * struct spool_session_config - for spool_sessions_new()
 * @grace_ms: how long a uid must have no process
 * @sys_uid_max: uids up to this one have no uid session (SYS_UID_MAX, login.defs(5))
 * @max_watches, @max_callers: descriptors for members, and for those who make files
 * @own: the numbers of the daemon's own processes, which keep no session alive; each must be its
 *	own at both ends of the call. Return: how many; -EAGAIN one is just being started. With no
 *	lock held; NULL: none
 * @is_daemon: is process or thread @pid one of another daemon of this program? It keeps no session
 *	alive either. With no lock held; NULL: none is. Asked about those whose names begin with
 *	@daemon_name, until a member is found
 * @payer: who pays for what @uid has, and so owns its uid session; under any lock of this folder;
 *	NULL: everybody for himself
 * @payers_known: does @payer go by what holds now? With no lock held. Return: 0; -errno: then a
 *	look ends no session of a uid. NULL: it always does
 * @wake: somebody must call spool_sessions_run(), from any thread, with node locks held; @ctx
 */
struct spool_session_config {
	enum spool_session_mode mode;
	uint64_t grace_ms;
	uid_t sys_uid_max;
	unsigned int max_watches;
	unsigned int max_callers;
	int (*own)(void *ctx, pid_t ret[SPOOL_SESSION_OWN_MAX]);
	bool (*is_daemon)(void *ctx, pid_t pid);
	const char *daemon_name;
	uid_t (*payer)(void *ctx, uid_t uid);
	int (*payers_known)(void *ctx);
	void (*wake)(void *ctx);
	void *ctx;
};

/**
 * struct spool_creator - who makes an entry, and where
 * @tid: the thread that waits, as FUSE tells it; 0: none that can be told
 * @uid: with which it makes files
 * @owner: of the tree: the session is his
 * @directory: the session of the directory; that of the nearest one above it which an explicit
 *	session is bound to, if there is one
 * @is_own: it is the former: none is bound
 */
struct spool_creator {
	pid_t tid;
	uid_t uid;
	uid_t owner;
	uint64_t directory;
	bool is_own;
};

/** spool_sessions_new() - no session yet. @host, @system: borrowed for good. Return: 0; -ENOMEM. */
int spool_sessions_new(const struct spool_host *host, const struct spool_life_system *system,
		       const struct spool_session_config *config, struct spool_sessions **ret);

/** spool_sessions_free() - nobody uses it any more. NULL is allowed. */
void spool_sessions_free(struct spool_sessions *sessions);

/** spool_sessions_set() - session= and grace= on the live mount: for what is made from now on, and
 * for looks from now on. Sessions that there are stay what they are. */
void spool_sessions_set(struct spool_sessions *sessions, enum spool_session_mode mode,
			uint64_t grace_ms);

/**
 * spool_sessions_of() - the session of an entry that is being made
 * Counts as a request of it. It does not end before spool_sessions_done().
 * Costs one read of a file of /proc that is open, or opens it when the thread is a new one.
 * Return: its id; SPOOL_SESSION_NONE: it has none (also when there is no memory for one);
 * SPOOL_SESSION_STAYS: it is to have none.
 */
uint64_t spool_sessions_of(struct spool_sessions *sessions, const struct spool_creator *creator);

/** spool_sessions_done() - @id: of spool_sessions_of(), NONE is allowed. @made: an entry carries it
 * now, to be given back by spool_sessions_put(). */
void spool_sessions_done(struct spool_sessions *sessions, uint64_t id, bool made);

/** spool_sessions_add() - @n entries more carry it. NONE is allowed, and one that has gone. */
void spool_sessions_add(struct spool_sessions *sessions, uint64_t id, uint64_t n);

/** spool_sessions_put() - @n entries less carry it. NONE is allowed. */
void spool_sessions_put(struct spool_sessions *sessions, uint64_t id, uint64_t n);

/**
 * struct spool_session_binding - what an explicit session covers
 * @kind: LOGIN: @audit; CGROUP: @cgroup, as in /proc/PID/cgroup, "/a/b"; DIRECTORY: what is made
 *	below a directory, of which the caller keeps which one it is
 * @owner: whose trees
 * @holder: with its end the session ends; 0: nobody
 */
struct spool_session_binding {
	enum spool_session_kind kind;
	uint32_t audit;
	const char *cgroup;
	uid_t owner;
	pid_t holder;
};

/**
 * spool_sessions_check_pid() - does @pid, as the thread @tid says it, name a process for us, too?
 * @ret_uid: with which it makes files
 * Return: 0; -ESRCH it is none, or a thread of one; -EXDEV @tid is in a pid namespace with numbers
 * of its own, or cannot be looked at; -errno.
 */
int spool_sessions_check_pid(struct spool_sessions *sessions, pid_t tid, pid_t pid, uid_t *ret_uid);

/** spool_sessions_hold_pid() - the same, to ask more about @pid. Return: a handle for
 * spool_sessions_release_pid(), >= 0; as check_pid(). */
int spool_sessions_hold_pid(struct spool_sessions *sessions, pid_t tid, pid_t pid, uid_t *ret_uid);

/** spool_sessions_release_pid() - has the number meant the same process all the time? Return: 0;
 * -ESRCH that has gone, and what was asked may have been about another; -errno. */
int spool_sessions_release_pid(struct spool_sessions *sessions, int handle);

/**
 * spool_session_begin() - an explicit session
 * Return: 0; -EINVAL the binding is none (an unset audit session, a root cgroup, another kind);
 * -EEXIST the same is bound already, for this owner; -ESRCH the holder does not live; -EDQUOT the
 * owner has SPOOL_SESSION_EXPLICIT_MAX; -ENOMEM.
 */
int spool_session_begin(struct spool_sessions *sessions,
			const struct spool_session_binding *binding, uint64_t *ret_id);

/**
 * spool_session_end() - an explicit session is over, at once
 * @by: who asks; @is_admin: he may end those of others
 * Return: 0; -ENOENT there is none of his of this id; -EINVAL it is not an explicit one.
 */
int spool_session_end(struct spool_sessions *sessions, uint64_t id, uid_t by, bool is_admin);

/** spool_session_undo() - @id, which has just begun, could not be bound: it never was, and is not
 * handed out. */
void spool_session_undo(struct spool_sessions *sessions, uint64_t id);

/** spool_session_covers() - is @id an explicit session of a directory that is not over? */
bool spool_session_covers(struct spool_sessions *sessions, uint64_t id);

/** spool_sessions_event() - what is watched under @token has ended, or may have. */
void spool_sessions_event(struct spool_sessions *sessions, uint64_t token);

/** spool_sessions_run() - looks, if it is time. Return: after how many milliseconds it wants to be
 * called again; -1: when it wakes us, or something that is watched ends. */
int spool_sessions_run(struct spool_sessions *sessions);

/** spool_sessions_take() - ids of sessions that are over, each once. Return: how many, up to @max.
 */
size_t spool_sessions_take(struct spool_sessions *sessions, uint64_t *ret_ids, size_t max);

/**
 * struct spool_session_info - for a list
 * @value: the audit session, uid or POSIX session
 * @member: the process that is watched, or the holder; 0: none
 * @members: processes, when they were counted last; a cgroup's are not where the kernel tells
 * @since: wall clock, seconds
 */
struct spool_session_info {
	uint64_t id;
	enum spool_session_kind kind;
	bool is_explicit;
	enum spool_session_state state;
	uint64_t value;
	char cgroup[SPOOL_SESSION_CGROUP_SHOWN];
	uid_t owner;
	pid_t member;
	unsigned int members;
	uint64_t entries;
	int64_t since;
};

/** spool_sessions_next() - the session with the lowest id above @after. Return: 0; -ENOENT. */
int spool_sessions_next(struct spool_sessions *sessions, uint64_t after,
			struct spool_session_info *ret);

/** spool_sessions_info() - Return: 0; -ENOENT there is no such session (any more). */
int spool_sessions_info(struct spool_sessions *sessions, uint64_t id,
			struct spool_session_info *ret);

/** enum spool_session_why - why a process is in its session, or in none */
enum spool_session_why {
	SPOOL_WHY_DIRECTORY, /* an explicit session covers the directory */
	SPOOL_WHY_EXPLICIT,  /* an explicit session covers the process */
	SPOOL_WHY_KIND,      /* session= says so, and so does what it has */
	SPOOL_WHY_UNKNOWN,   /* it cannot be looked at: its directory's session */
	SPOOL_WHY_NO_LOGIN,  /* session=login, and no login has set its audit session */
	SPOOL_WHY_SYSTEM,    /* a system uid has none */
	SPOOL_WHY_ROOT,      /* it is in the root cgroup */
	SPOOL_WHY_NONE,      /* session= allows explicit ones only */
	SPOOL_WHY_ACTS,      /* it is a server that acts for somebody: no session */
};

/**
 * spool_sessions_why() - in which session would an entry be?
 * @ret: its kind, value and owner; id 0: it does not exist yet, or @ret_why says that there is none
 * Changes nothing, and is no request of it.
 */
void spool_sessions_why(struct spool_sessions *sessions, const struct spool_creator *creator,
			struct spool_session_info *ret, enum spool_session_why *ret_why);
