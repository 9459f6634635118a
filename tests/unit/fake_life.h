/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A machine for sessions: a table of processes, cgroups, a clock, and events that wait until the
 * test delivers them. A handle means the process it was opened for, as the kernel's do.
 */

#include <stdbool.h>
#include <stddef.h>

#include "life/sessions.h"

#define FAKE_UNSET UINT32_MAX
#define FAKE_PIDS 65536u

struct fake_process {
	pid_t pid, sid;
	pid_t leader; /* whose thread it is; 0: a process */
	uint64_t start;
	uid_t uids[4];
	uint32_t audit;
	const char *name;
	char cgroup[64]; /* of cgroup2; "" = the root */
	char v1[64];     /* of name=systemd */
	bool alive, zombie;
	bool has_many_groups; /* its status is longer than anybody reads */
	unsigned int threads;
};

struct fake_handle {
	enum { FAKE_FREE, FAKE_PROCESS, FAKE_FILE, FAKE_PIDFD, FAKE_CGROUP } kind;
	size_t process; /* index */
	enum spool_process_file file;
	uint64_t token;
	char path[64];
	bool populated; /* when it was told last */
};

/**
 * struct fake_life - pass &life.system
 * @lists: looks at all processes; @thread_lists: at the threads of one
 * @rests: times when it could rest; @on_rest: is called then
 * @handles_open: what was not closed
 * @list_error, @read_error, @open_error, @watch_error: what these answer, 0: nothing is wrong
 * @sid_error: the same of POSIX sessions, which the files tell, too
 * @error_pid: @open_error and @read_error are of this process alone; 0: of all
 * @max_handles: -EMFILE for files from so many handles on, 0: no limit
 * @max_pidfds: -EMFILE from so many on
 * @no_events: the kernel tells nothing of cgroups
 * @last: the number that was given last; @number_error: what is answered instead, 0: nothing
 * @weak: handles mean whoever has the number when they are read: what the start is checked for
 * @hook: called before the read number @hook_at (from 1), and when a list has passed @hook_pid
 */
struct fake_life {
	struct spool_life_system system;
	struct fake_process *processes;
	size_t n, room;
	size_t by_pid[FAKE_PIDS]; /* index + 1 of the one that lives */
	struct fake_handle *handles;
	size_t n_handles, first_free;
	uint64_t *events;
	size_t n_events, event_room;
	uint64_t clock_ms, starts;
	unsigned long lists, thread_lists, opens, reads, rests;
	void (*on_rest)(struct fake_life *life);
	long handles_open, pidfds;
	int list_error, read_error, open_error, watch_error, sid_error;
	pid_t error_pid;
	long max_handles, max_pidfds;
	bool no_events, weak;
	int last, number_error;
	void (*hook)(struct fake_life *life);
	unsigned long hook_at;
	pid_t hook_pid;
	void *arg;
};

void fake_life_init(struct fake_life *life);
void fake_life_fini(struct fake_life *life);

/** fake_start() - a process of uid @uid, audit session @audit; it leads POSIX session @sid. */
struct fake_process *fake_start(struct fake_life *life, pid_t pid, uid_t uid, uint32_t audit,
				pid_t sid);

/** fake_fork() - the same with the next number, and no POSIX session of its own: that of @like. */
struct fake_process *fake_fork(struct fake_life *life, const struct fake_process *like);

/** fake_thread() - a thread more of process @leader, like it. */
struct fake_process *fake_thread(struct fake_life *life, pid_t tid, pid_t leader);

/** fake_find() - the process that has the number now; NULL. */
struct fake_process *fake_find(struct fake_life *life, pid_t pid);

/** fake_end() - it has ended, and is told to those that watch. */
void fake_end(struct fake_life *life, pid_t pid);

/** fake_move() - into another cgroup of cgroup2. */
void fake_move(struct fake_life *life, pid_t pid, const char *cgroup);

/** fake_pass() - delivers events and runs @sessions until @ms milliseconds have passed. */
void fake_pass(struct fake_life *life, struct spool_sessions *sessions, uint64_t ms);
