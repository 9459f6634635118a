/* SPDX-License-Identifier: MIT */
#pragma once

/* Which session an entry belongs to. */

#include "life/sessions_internal.h"

/** The name of a cgroup in a key, with its end; and what stands before one of version 1. */
#define IDENTITY_CGROUP (SPOOL_PROCESS_TEXT + 8u)
#define IDENTITY_V1 "v1:"

/** struct identity - @session: if it is there; NULL with why KIND: one of @key is to be made. Other
 * whys come without a key. */
struct identity {
	enum spool_session_why why;
	struct session *session;
	struct session_key key;
	char cgroup[IDENTITY_CGROUP]; /* for the key */
};

/** identity_cgroup_name() - as in a key. @cgroup: has a path. @ret: IDENTITY_CGROUP bytes */
void identity_cgroup_name(const struct spool_process_cgroup *cgroup, char *ret);

/** identity_wants_locked() - Return: SPOOL_CALLER_... that must be known of him: no more for what
 * others have begun. */
unsigned int identity_wants_locked(struct spool_sessions *sessions,
				   const struct spool_creator *creator)
	SPOOL_REQUIRES(sessions->lock);

/** identity_by_directory_locked() - does an explicit session cover his directory? Then it is in
 * *@ret, whoever he is. */
bool identity_by_directory_locked(struct spool_sessions *sessions,
				  const struct spool_creator *creator, struct identity *ret)
	SPOOL_REQUIRES(sessions->lock);

/** identity_locked() - any other. @caller: NULL: he cannot be looked at; its texts are cut. */
void identity_locked(struct spool_sessions *sessions, const struct spool_creator *creator,
		     struct spool_caller *caller, struct identity *ret)
	SPOOL_REQUIRES(sessions->lock);
