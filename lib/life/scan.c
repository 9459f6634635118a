/* SPDX-License-Identifier: MIT */
#include "life/scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "life/identify.h"
#include "life/makers.h"
#include "life/own.h"
#include "util/macros.h"

/* How often the numbers given meanwhile are looked at before we give up. Each time takes a few
 * microseconds for a number, so few forks fall into it: at 100,000 a second one of four has none.
 * A guess. */
#define CATCH_UPS 1000u

/**
 * struct scan
 * @is_late: threads are looked at, or those that began meanwhile; @is_thread: the former
 * @process: that is looked at; @counts: and counted, for it is one that we know the start of, as
 *	number @n of the look
 * @matched: a session that takes part is its; @matters: and has no other member yet, or only a
 *	thread; @vanished: it ended while it was looked at
 * @result: 0; -errno: something could not be read
 */
struct scan {
	struct spool_sessions *sessions;
	unsigned int needs;
	bool is_late, is_thread;
	struct own own;
	struct spool_process process;
	uint64_t n;
	bool counts, matched, matters, vanished;
	int result;
};

static const struct {
	enum spool_session_kind kind;
	enum spool_process_file file;
} sources[] = {
	{SPOOL_SESSION_LOGIN, SPOOL_PROCESS_SESSIONID},
	{SPOOL_SESSION_UID, SPOOL_PROCESS_STATUS},
	{SPOOL_SESSION_SID, SPOOL_PROCESS_STAT},
	{SPOOL_SESSION_CGROUP, SPOOL_PROCESS_CGROUP},
};

#define FILTER_BITS (SESSION_FILTER * 64u)

/* FNV-1a: of all by which a look finds a key, but not of whose it is. */
static uint64_t hash(const struct session_key *key)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)key->kind;

	for (unsigned int shift = 0; shift < 64; shift += 8)
		hash = (hash ^ (key->value >> shift & 0xff)) * UINT64_C(1099511628211);
	for (const char *c = key->cgroup; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t *filter_word(struct spool_sessions *sessions, uint64_t bit)
{
	return &sessions->filter[bit % FILTER_BITS / 64];
}

static void filter_add(struct spool_sessions *sessions, const struct session_key *key)
{
	uint64_t bits = hash(key);

	*filter_word(sessions, bits) |= UINT64_C(1) << bits % 64;
	*filter_word(sessions, bits >> 32) |= UINT64_C(1) << (bits >> 32) % 64;
}

static void filter_add_uid(struct spool_sessions *sessions, uid_t uid)
{
	const struct session_key key = {.kind = SPOOL_SESSION_UID, .value = uid, .cgroup = ""};

	filter_add(sessions, &key);
}

/* May a session with this key take part? Most processes are nobody's who waits; it is found out
 * without the lock, which whoever makes a file takes. */
static bool filter_has(struct spool_sessions *sessions, const struct session_key *key)
{
	uint64_t bits = hash(key);

	return *filter_word(sessions, bits) >> bits % 64 &
	       *filter_word(sessions, bits >> 32) >> (bits >> 32) % 64 & 1;
}

void scan_begin_locked(struct spool_sessions *sessions, uint64_t begin_ms, unsigned int *ret_needs)
{
	const struct spool_life_system *system = sessions->system;
	struct session *session;

	sessions->look++;
	*ret_needs = 0;
	memset(sessions->filter, 0, sizeof(sessions->filter));
	TAILQ_FOREACH (session, &sessions->lists.waiting, in_list) {
		session->look = sessions->look;
		session->before = session->requests;
		session->found = 0;
		session->counted = 0;
		session->vanished = false;
		session->oldest = 0;
		session->is_late = false;
		session->populated =
			session->watch < 0 ? 0 : system->is_populated(system->ctx, session->watch);
		if (session->key.is_explicit || session->populated > 0)
			continue;
		filter_add(sessions, &session->key);
		maker_uids_locked(sessions, session, filter_add_uid);
		*ret_needs |= SCAN_NEEDS(session->key.kind);
		if (session->key.kind != SPOOL_SESSION_SID &&
		    session->state == SPOOL_SESSION_LEAVING && session->due_ms <= begin_ms)
			*ret_needs |= SCAN_THREADS;
	}
}

/* A session has so many processes as the list has. Who began meanwhile may have been in it as well,
 * and a thread counts if there is nobody else. */
static void count(const struct scan *scan, struct session *session)
{
	const struct spool_process *process = &scan->process;

	if (session->counted == scan->n || (scan->is_late && session->found > 0))
		return;
	session->counted = scan->n;
	if (session->is_late) {
		session->found = 0;
		session->oldest = 0;
	}
	session->is_late = scan->is_late;
	session->found++;
	if (session->oldest && session->oldest_start <= process->start)
		return;
	session->oldest = process->pid;
	session->oldest_start = process->start;
}

static void match_session(void *arg, struct session *session)
{
	struct scan *scan = arg;

	if (!scan_takes_part(scan->sessions, session))
		return;
	scan->matched = true;
	scan->matters |= session->found == 0 || (session->is_late && !scan->is_late);
	session->vanished |= scan->vanished;
	if (scan->counts)
		count(scan, session);
}

/* All that have this key but for the owner. */
static void match(struct scan *scan, const struct session_key *key)
{
	struct session *session;

	if (!filter_has(scan->sessions, key))
		return;
	spool_mutex_lock(&scan->sessions->lock, SPOOL_RANK_LIFE);
	session = session_from_locked(scan->sessions, key);
	for (; session; session = session_after_locked(session)) {
		struct session_key theirs = session->key;

		theirs.owner = 0;
		if (theirs.is_explicit || session_compare(&theirs, key) != 0)
			break;
		match_session(scan, session);
	}
	spool_mutex_unlock(&scan->sessions->lock);
}

static void match_value(struct scan *scan, enum spool_session_kind kind, uint64_t value)
{
	const struct session_key key = {.kind = kind, .value = value, .cgroup = ""};

	match(scan, &key);
}

static bool match_cgroup(void *arg, const char *path)
{
	const struct session_key key = {.kind = SPOOL_SESSION_CGROUP, .cgroup = path};

	match(arg, &key);
	return true;
}

/* All for which @uid has made something. Whoever does so during the look has it made again. */
static void match_maker(struct scan *scan, uid_t uid)
{
	const struct session_key key = {.kind = SPOOL_SESSION_UID, .value = uid, .cgroup = ""};

	if (!filter_has(scan->sessions, &key))
		return;
	spool_mutex_lock(&scan->sessions->lock, SPOOL_RANK_LIFE);
	maker_each_locked(scan->sessions, uid, match_session, scan);
	spool_mutex_unlock(&scan->sessions->lock);
}

/* It counts once for a session, also with several uids of that. The uid itself may have had a
 * session before somebody came to pay for it. */
static int match_uids(struct scan *scan, const char *text)
{
	uid_t uids[4];
	int r = spool_process_parse_uids(text, uids);

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(uids) && r == 0; i++) {
		uid_t payer = sessions_payer(scan->sessions, uids[i]);

		if (i > 0 && uids[i] == uids[i - 1])
			continue;
		match_value(scan, SPOOL_SESSION_UID, uids[i]);
		if (payer != uids[i])
			match_value(scan, SPOOL_SESSION_UID, payer);
		match_maker(scan, uids[i]);
	}
	return r;
}

static void match_cgroups(struct scan *scan, const char *text)
{
	struct spool_process_cgroup cgroup;
	char name[IDENTITY_CGROUP], lines[SPOOL_PROCESS_TEXT];

	snprintf(lines, sizeof(lines), "%s", text);
	spool_process_parse_cgroup(lines, &cgroup);
	if (!cgroup.path)
		return;
	identity_cgroup_name(&cgroup, name);
	spool_process_walk_up(name, match_cgroup, scan);
}

/* @text: of the file that tells of sessions of @kind. Return: 0; -EINVAL it is no such text. */
static int match_text(struct scan *scan, enum spool_session_kind kind, const char *text)
{
	struct spool_process process;
	uint32_t audit;
	int r = 0;

	switch (kind) {
	case SPOOL_SESSION_LOGIN:
		r = spool_process_parse_audit(text, &audit);
		if (r == 0)
			match_value(scan, kind, audit);
		break;
	case SPOOL_SESSION_UID:
		r = match_uids(scan, text);
		break;
	case SPOOL_SESSION_SID:
		r = spool_process_parse_stat(text, &process);
		if (r == 0)
			match_value(scan, kind, (uint64_t)process.sid);
		break;
	case SPOOL_SESSION_CGROUP:
		match_cgroups(scan, text);
		break;
	case SPOOL_SESSION_DIRECTORY:
		break;
	}
	return r;
}

/* One of the daemon, or a thread of that, which began during the look? Of the threads of a process
 * that has been listed it is known. Return: 1; 0; -errno. */
static int is_own_new(const struct scan *scan, pid_t pid, enum spool_process_file file,
		      const char *text)
{
	char status[SPOOL_PROCESS_TEXT];
	int r;

	if (scan->is_thread || file == SPOOL_PROCESS_STATUS)
		return scan->is_thread ? 0 : own_has_new(scan->sessions, text);
	r = spool_process_text(scan->sessions->system, pid, SPOOL_PROCESS_STATUS, status);
	return r < 0 ? r : own_has_new(scan->sessions, status);
}

static int look_closer(struct scan *scan, pid_t pid, enum spool_session_kind kind,
		       enum spool_process_file file)
{
	char text[SPOOL_PROCESS_TEXT];
	int r = spool_process_read(scan->sessions->system, pid, file, text, &scan->process);

	scan->vanished = r == -ESRCH;
	if (r < 0 || scan->process.dead)
		return r;
	r = is_own_new(scan, pid, file, text);
	if (r != 0)
		return r < 0 ? r : 0;
	/* a question takes longer than all else here, and many may be called so */
	if (own_may_be_daemon(scan->sessions, &scan->process) &&
	    (!scan->matters || own_is_daemon(scan->sessions, &scan->process)))
		return 0;
	scan->counts = true;
	scan->n++;
	return match_text(scan, kind, text);
}

/* By what is read first. Of the POSIX session a call tells that opens no file. *@text, or if it is
 * not negative *@sid, is for match_again(). */
static int match_first(struct scan *scan, pid_t pid, enum spool_session_kind kind,
		       enum spool_process_file file, char *text, int *sid)
{
	const struct spool_life_system *system = scan->sessions->system;
	int r;

	*sid = kind == SPOOL_SESSION_SID ? system->sid_of(system->ctx, pid) : -EOPNOTSUPP;
	if (*sid >= 0)
		match_value(scan, kind, (uint64_t)*sid);
	if (*sid >= 0 || *sid == -ESRCH)
		return *sid < 0 ? *sid : 0;
	r = spool_process_text(system, pid, file, text);
	return r < 0 ? r : match_text(scan, kind, text);
}

/* What was read first, of one that has ended since. */
static int match_again(struct scan *scan, enum spool_session_kind kind, const char *text, int sid)
{
	if (sid < 0)
		return match_text(scan, kind, text);
	match_value(scan, kind, (uint64_t)sid);
	return 0;
}

/* Most processes are nobody's who waits: one read tells. Of the others the start is read on both
 * sides of the same text. One that ends meanwhile may have started another, with a number that the
 * look has passed. */
static int look_at(struct scan *scan, pid_t pid, enum spool_session_kind kind,
		   enum spool_process_file file)
{
	char text[SPOOL_PROCESS_TEXT];
	int sid, r;

	scan->matched = scan->matters = scan->counts = scan->vanished = false;
	r = match_first(scan, pid, kind, file, text, &sid);
	if (r < 0 || !scan->matched)
		return r;
	r = look_closer(scan, pid, kind, file);
	return scan->vanished ? match_again(scan, kind, text, sid) : r;
}

/* A process, or a thread. */
static int each_number(void *arg, pid_t pid)
{
	struct scan *scan = arg;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sources); i++) {
		int r;

		if (!(scan->needs & SCAN_NEEDS(sources[i].kind)))
			continue;
		r = look_at(scan, pid, sources[i].kind, sources[i].file);
		if (r < 0 && r != -ESRCH && scan->result == 0)
			scan->result = r;
	}
	return 0;
}

/* Of those in the list: what has begun meanwhile must be caught up with, and there are few. */
static int each_process(void *arg, pid_t pid)
{
	struct scan *scan = arg;
	const struct spool_life_system *system = scan->sessions->system;
	int r = 0;

	system->rest(system->ctx);
	if (own_has(scan->sessions, &scan->own, pid))
		return 0;
	if (scan->needs & SCAN_THREADS) {
		scan->is_late = scan->is_thread = true;
		r = system->list_threads(system->ctx, pid, each_number, scan);
		scan->is_late = scan->is_thread = false;
	}
	if (r < 0 && scan->result == 0)
		scan->result = r;
	return each_number(scan, pid);
}

/* All that were given a number above @seen, until none was given while we looked. Return: 0;
 * -EAGAIN: they are given too fast, or have begun again; -errno. */
static int catch_up(struct scan *scan, int seen)
{
	const struct spool_life_system *system = scan->sessions->system;

	scan->is_late = true;
	for (unsigned int i = 0; i < CATCH_UPS; i++) {
		int last = system->last_number(system->ctx);

		if (last < 0 || last == seen)
			return last < 0 ? last : 0;
		if (last < seen)
			return -EAGAIN;
		while (seen < last)
			each_number(scan, ++seen);
	}
	return -EAGAIN;
}

int scan_processes(struct spool_sessions *sessions, unsigned int needs)
{
	const struct spool_life_system *system = sessions->system;
	struct scan scan = {.sessions = sessions, .needs = needs};
	int last = system->last_number(system->ctx), r;

	if (last < 0)
		return last;
	r = own_find(sessions, &scan.own);
	if (r < 0)
		return r;
	r = system->list(system->ctx, each_process, &scan);
	if (r == 0)
		r = catch_up(&scan, last);
	return r < 0 ? r : scan.result;
}
