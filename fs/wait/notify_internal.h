/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What notify.c (who waits, and the ends), notify_threads.c (those that tell), notify_late.c (the
 * clock that answers late ones) and notify_jobs.c (what is to be told, by payer) share.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "transport/request.h"
#include "transport/waitq.h"
#include "util/lock.h"
#include "util/turn.h"
#include "wait/notify.h"
#include "wait/payers.h"

/* Threads that come on, and of one payer, whatever they do. Guesses. */
#define NOTIFY_THREADS_MAX 8u
#define NOTIFY_THREADS_PER_PAYER 2u

/* Threads that the kernel holds, as somebody has the lock of a directory or of a page: for each,
 * another one may be started, if there is work for it. A thread needs 32 KiB. Once half of so many
 * are held a payer has one thread only: so 152 users must hold some before others are told late.
 * Guesses. */
#define NOTIFY_HELD_MAX 192u

/* Something to tell, and who waits for it. Until it is begun, others may join. */
struct notify_job {
	struct spool_turn turn;       /* until it is begun */
	TAILQ_ENTRY(notify_job) link; /* of its payer's, or of those that are begun */
	uint64_t ino, off, len;
	enum spool_tell what;
	uint64_t begin_ms; /* when it was begun */
	bool held;         /* its thread is */
	struct spool_request_list waiting;
};

TAILQ_HEAD(notify_job_list, notify_job);

/* There as long as there is anything to do for it */
struct notify_payer {
	struct payers_entry entry;
	unsigned int n_running, n_jobs, n_waiting; /* n_waiting: in spool_notify_drop() */
	bool stalled;                              /* nothing was done since one waited in vain */
	struct notify_job_list jobs;
};

struct spool_notify {
	struct spool_waitq waitq;
	struct spool_notify_config config;
	struct spool_mutex lock; /* of the following; nothing is called under it */
	struct spool_cond work;  /* for the threads */
	struct spool_cond time;  /* for the clock thread */
	struct spool_cond done;  /* for those who wait for room, or for the end */
	struct payers payers;
	struct spool_turns turns;               /* of all jobs that are not begun */
	struct notify_job_list running;         /* in the order in which they were begun */
	unsigned int n_threads, n_idle, n_held; /* n_threads: those that have not ended */
	uint64_t n_told;
	uint64_t next_ms; /* when the clock thread looks; 0: it sleeps */
	bool stop;
	bool clock_ended;
};

/* notify_jobs.c */

/** notify_find_locked() - @uid, new if need be; notify_put_locked() follows. Return: NULL: no
 * memory. */
struct notify_payer *notify_find_locked(struct spool_notify *notify, uid_t uid)
	SPOOL_REQUIRES(notify->lock);

/** notify_put_locked() - frees @payer when there is nothing to do for it. */
void notify_put_locked(struct spool_notify *notify, struct notify_payer *payer)
	SPOOL_REQUIRES(notify->lock);

/** notify_queue_locked() - a job like @wanted, behind all others of @payer. Return: NULL: no
 * memory. */
struct notify_job *notify_queue_locked(struct spool_notify *notify, struct notify_payer *payer,
				       const struct notify_job *wanted)
	SPOOL_REQUIRES(notify->lock);

/** notify_has_next_locked() - may a thread begin a job now? */
bool notify_has_next_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock);

/** notify_next_locked() - begin the next job of a payer who may have one more thread. Return: it,
 * and whose it is; NULL: none. */
struct notify_job *notify_next_locked(struct spool_notify *notify, struct notify_payer **ret_payer)
	SPOOL_REQUIRES(notify->lock);

/** notify_done_locked() - @job of @payer, who may be gone now, has been told. */
void notify_done_locked(struct spool_notify *notify, struct notify_payer *payer,
			struct notify_job *job) SPOOL_REQUIRES(notify->lock);

/** notify_forget_locked() - frees the jobs that were not begun. Nobody waits for them. */
void notify_forget_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock);

/** notify_answer_all() - of @list; no lock is held. */
void notify_answer_all(struct spool_notify *notify, struct spool_request_list *list,
		       enum spool_told told);

/** notify_wait_locked() - until @cond, or @until_ms (CLOCK_MONOTONIC). Return: false: that. */
bool notify_wait_locked(struct spool_notify *notify, struct spool_cond *cond, uint64_t until_ms)
	SPOOL_REQUIRES(notify->lock);

/* notify_late.c */

/** notify_expire_locked() - moves the requests whose time has come (@all: at the end) to @list, and
 * sets when the clock looks next. Jobs stay: what was changed must be told. */
void notify_expire_locked(struct spool_notify *notify, bool all, struct spool_request_list *list)
	SPOOL_REQUIRES(notify->lock);

/** notify_clock_start() - the thread that answers late ones; it ends with the stop. Return: 0;
 * -errno. */
int notify_clock_start(struct spool_notify *notify);

/* notify_threads.c */

/** notify_add_locked() - a job like @wanted that was not begun, or a new one, and a thread for it.
 * Return: NULL: no memory, or no thread. */
struct notify_job *notify_add_locked(struct spool_notify *notify, struct notify_payer *payer,
				     const struct notify_job *wanted) SPOOL_REQUIRES(notify->lock);

/** notify_replace_locked() - start a thread for one that is held, if there is work for it. Return:
 * when to look again (CLOCK_MONOTONIC, in ms); 0: when there is more work. */
uint64_t notify_replace_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock);
