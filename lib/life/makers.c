/* SPDX-License-Identifier: MIT */
#include "life/makers.h"

#include <errno.h>

struct session_maker {
	RB_ENTRY(session_maker) by_uid;
	SLIST_ENTRY(session_maker) in_session;
	uid_t uid;
	struct session *session;
};

static int compare(const struct session_maker *a, const struct session_maker *b)
{
	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return a->session->id < b->session->id ? -1 : a->session->id > b->session->id;
}

SPOOL_RB_GENERATE(session_makers, session_maker, by_uid, compare)

int maker_note_locked(struct spool_sessions *sessions, struct session *session, uid_t uid)
{
	struct session_maker wanted = {.uid = uid, .session = session}, *maker;

	if (session->key.kind != SPOOL_SESSION_UID || uid == session->key.value ||
	    RB_FIND(session_makers, &sessions->makers, &wanted))
		return 0;
	maker = spool_alloc(sessions->host, sizeof(*maker));
	if (!maker)
		return -ENOMEM;
	maker->uid = uid;
	maker->session = session;
	RB_INSERT(session_makers, &sessions->makers, maker);
	SLIST_INSERT_HEAD(&session->makers, maker, in_session);
	return 0;
}

void maker_each_locked(struct spool_sessions *sessions, uid_t uid,
		       void (*each)(void *arg, struct session *session), void *arg)
{
	struct session first = {.id = SPOOL_SESSION_NONE};
	struct session_maker wanted = {.uid = uid, .session = &first};
	struct session_maker *maker = RB_NFIND(session_makers, &sessions->makers, &wanted);

	for (; maker && maker->uid == uid; maker = RB_NEXT(session_makers, NULL, maker))
		each(arg, maker->session);
}

void maker_uids_locked(struct spool_sessions *sessions, const struct session *session,
		       void (*each)(struct spool_sessions *sessions, uid_t uid))
{
	const struct session_maker *maker;

	SLIST_FOREACH (maker, &session->makers, in_session)
		each(sessions, maker->uid);
}

void maker_forget_locked(struct spool_sessions *sessions, struct session *session)
{
	struct session_maker *maker;

	while ((maker = SLIST_FIRST(&session->makers)) != NULL) {
		SLIST_REMOVE_HEAD(&session->makers, in_session);
		RB_REMOVE(session_makers, &sessions->makers, maker);
		spool_free(sessions->host, maker);
	}
}
