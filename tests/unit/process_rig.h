/* SPDX-License-Identifier: MIT */
#pragma once

/* Sessions of real processes, and processes that come and go. */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "background/sessions.h"
#include "unit.h"

struct process_rig {
	struct spool_life *life;
	struct spool_sessions *sessions;
	_Atomic uint64_t ended; /* the last one */
};

/** rig_init() - grace 50 ms. Return: false: it cannot be had. */
bool rig_init(struct process_rig *rig, enum spool_session_mode mode, unsigned int max_watches);

/** rig_fini() - stops the thread, if it was started. */
void rig_fini(struct process_rig *rig);

/** rig_make() - @tid makes an entry for @uid. Return: its session. */
uint64_t rig_make(struct process_rig *rig, pid_t tid, uid_t uid);

/** rig_wait() - until @is. Return: false when it has not become so in ten minutes: for a machine
 * that does much else. */
bool rig_wait(bool (*is)(struct process_rig *rig, uint64_t arg), struct process_rig *rig,
	      uint64_t arg);

/* For rig_wait(): is session @id the last that has ended; is it watched; is process @pid watched,
 * for the one session that there is? */
bool rig_has_ended(struct process_rig *rig, uint64_t id);
bool rig_is_watched(struct process_rig *rig, uint64_t id);
bool rig_is_member(struct process_rig *rig, uint64_t pid);

struct family {
	pid_t shell, job; /* job: 0 = none */
};

/**
 * rig_start() - a process that does @be, and a child of it that does @leave, if there is that
 * Both wait to be killed by rig_end(). Return: false: what they are to be cannot be had here.
 */
bool rig_start(struct family *ret, bool (*be)(void), bool (*leave)(void));

/** rig_end() - kills it, and waits for it; *@pid is 0 then. 0: nothing. */
void rig_end(pid_t *pid);

/* What a process may do. Return: false: it cannot. */

/** rig_log_in() - an audit session of its own. Who has none yet may make himself one. */
bool rig_log_in(void);

/** rig_leave_session() - a POSIX session of its own. */
bool rig_leave_session(void);

/** rig_leave_namespace() - the next child is the first process of another pid namespace. */
bool rig_leave_namespace(void);

bool rig_nothing(void);

/** rig_uid() - Return: a uid that no process has and no other test gets before this one ends. */
uid_t rig_uid(void);
