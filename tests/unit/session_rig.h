/* SPDX-License-Identifier: MIT */
#pragma once

/* A table of sessions over a machine of our own. */

#include "fake_life.h"
#include "fault_host.h"
#include "unit.h"

/* A hundred times longer than any end takes but that of a uid with a longer grace. */
#define RIG_LONG 20000u

#define RIG_ENDED 16384u
#define RIG_GRANTS 4u

struct session_rig {
	struct fake_life life;
	struct fault_host fault;
	struct spool_sessions *sessions;
	unsigned long wakes;
	pid_t own[SPOOL_SESSION_OWN_MAX];       /* the daemon's own processes */
	int n_own;                              /* or what is answered instead */
	void (*asked)(struct session_rig *rig); /* after each answer; NULL: nothing */
	unsigned long daemon_asks;              /* how often it was asked who is one */
	pid_t daemon;                           /* of another one, with a thread */
	void (*asked_daemon)(struct session_rig *rig, pid_t pid); /* after each answer */
	struct {
		uid_t first, last, owner;
	} grants[RIG_GRANTS]; /* of subordinate uids; 0 to 0: root's own */
	int payers;           /* 0: they hold, -errno: it is not known whether */
	size_t n_ended;
	uint64_t ended[RIG_ENDED];
};

/** rig_new() - grace 10 s, SYS_UID_MAX 999, 64 callers, @max_watches. */
struct session_rig *rig_new(enum spool_session_mode mode, unsigned int max_watches);

/** rig_free() - nothing may be left open or allocated. */
void rig_free(struct session_rig *rig);

/** rig_make() - @tid makes an entry in a directory of session @directory. Return: its session. */
uint64_t rig_make(struct session_rig *rig, pid_t tid, uid_t uid, uint64_t directory);

/** rig_pass() - @ms milliseconds pass; what ended is taken. */
void rig_pass(struct session_rig *rig, uint64_t ms);

/** rig_ended() - has @id ended? */
bool rig_ended(const struct session_rig *rig, uint64_t id);

/** rig_state() - Return: of @id, -1: there is no such session. */
int rig_state(struct session_rig *rig, uint64_t id);
