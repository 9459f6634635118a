/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who makes a file. Every create asks, so the file that answers stays open for the threads that
 * have asked last: one read of it says both that the thread is the one it was opened for, and what
 * its audit session is now (a login changes it under a process that is there already). Nothing that
 * was read is kept.
 *
 * A caller waits for its answer, so it lives while it is looked at and its number is its own.
 */

#include "life/process.h"
#include "life/sessions.h"
#include "util/host.h"

struct spool_callers;

/** What is asked of a caller besides its audit session. Does it act for another: is the uid with
 * which it makes files of another payer than its real and its saved one (credentials(7))? ACTS and
 * ACTS_UNLESS_LOGIN: where nothing has said yet that it does not, the latter if it has no audit
 * session; ACTS_NOW: what was said does not count. */
enum {
	SPOOL_CALLER_CGROUP = 1,
	SPOOL_CALLER_SID = 2,
	SPOOL_CALLER_ACTS = 4,
	SPOOL_CALLER_ACTS_UNLESS_LOGIN = 8,
	SPOOL_CALLER_ACTS_NOW = 16,
};

/** struct spool_caller - @sid, @cgroup and @acts: where they were asked for. @cgroup is the text of
 * the file. */
struct spool_caller {
	bool acts;
	uint32_t audit;
	pid_t sid;
	char cgroup[SPOOL_PROCESS_TEXT];
};

/**
 * spool_callers_new() - nobody yet
 * @host, @system: borrowed for good; @config: its max_callers (>= 1: how many threads' files stay
 * open at most), and who pays
 * Return: 0; -ENOMEM.
 */
int spool_callers_new(const struct spool_host *host, const struct spool_life_system *system,
		      const struct spool_session_config *config, struct spool_callers **ret);

/** spool_callers_free() - closes all. NULL is allowed. */
void spool_callers_free(struct spool_callers *callers);

/**
 * spool_callers_look() - who is thread @tid, which waits for us, and makes files as @uid?
 * @want: SPOOL_CALLER_... or 0
 * Locks: one of its own (SPOOL_RANK_LIFE). Any thread.
 * Return: 0; -ESRCH there is no such thread here; -errno it cannot be told.
 */
int spool_callers_look(struct spool_callers *callers, pid_t tid, uid_t uid, unsigned int want,
		       struct spool_caller *ret);
