/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The sessions of a mount on this machine (life/sessions.h), and the thread that waits for their
 * ends: for members, cgroups, and when it is time to look. It sleeps while none of that happens.
 *
 * What must be opened is opened by spool_life_new(), before the sandbox; after that the thread only
 * needs to read the two directories.
 */

#include "life/sessions.h"

struct spool_life;

/**
 * struct spool_life_config - for spool_life_new()
 * @mode, @grace_ms: the options session= and grace=
 * @max_watches: descriptors for members, of those that RLIMIT_NOFILE allows; 0: looks instead
 * @max_callers: for threads that make files; with more at the same time each costs one open
 * @own, @is_daemon, @payer, @payers_known: as in struct spool_session_config, with @ctx; NULL: none
 * @ended: session @id is over: its entries are to go, and then spool_sessions_put(). In the thread,
 *	with no lock held. It must not wait: others' ends wait for it
 */
struct spool_life_config {
	enum spool_session_mode mode;
	uint64_t grace_ms;
	unsigned int max_watches;
	unsigned int max_callers;
	int (*own)(void *ctx, pid_t ret[SPOOL_SESSION_OWN_MAX]);
	bool (*is_daemon)(void *ctx, pid_t pid);
	uid_t (*payer)(void *ctx, uid_t uid);
	int (*payers_known)(void *ctx);
	void (*ended)(void *ctx, uint64_t id);
	void *ctx;
};

/** spool_life_new() - opens what it needs; no thread yet. Return: 0; -ENOMEM; -EMFILE; -errno. */
int spool_life_new(const struct spool_life_config *config, struct spool_life **ret);

/** spool_life_start() - Return: 0; -errno. */
int spool_life_start(struct spool_life *life);

/** spool_life_stop() - ends the thread; the sessions can still be asked. NULL is allowed. */
void spool_life_stop(struct spool_life *life);

/** spool_life_free() - when nobody asks any more. NULL is allowed. */
void spool_life_free(struct spool_life *life);

/** spool_life_sessions() - Return: the table, until spool_life_free(). */
struct spool_sessions *spool_life_sessions(struct spool_life *life);

/** spool_life_proc(), spool_life_cgroup() - what it reads, for the sandbox. Return: a directory of
 * its own; -1: none. */
int spool_life_proc(const struct spool_life *life);
int spool_life_cgroup(const struct spool_life *life);

/** spool_life_source() - how processes are known, for status: "/proc", "a procfs of its own", and
 * why they are not, or not all. */
const char *spool_life_source(const struct spool_life *life);
