/* SPDX-License-Identifier: MIT */
#include "transport/waiting.h"

#include <errno.h>
#include <stdlib.h>

#include "host/clock.h"
#include "fs.h"
#include "transport/waitq.h"
#include "transport/wire.h"
#include "util/lock.h"
#include "util/macros.h"

/* Four times what rings of 128 CPUs start with; 40 MiB of pages. Nobody's programs have come near.
 * All payers together four times that. Guesses. */
#define WAITING_MAX_OF_PAYER 8192u
#define WAITING_MAX (4u * WAITING_MAX_OF_PAYER)

/* Each takes some 8 KiB, of a ring's entry or of a copy, and users decide how many there are: where
 * we may have little RAM they have room in an eighth of it. But so many may wait anywhere, as to be
 * answered EINTR is hard on programs. A guess. */
#define WAITING_BYTES 8192u
#define WAITING_MIN 1024u

/* The last quarter of all is for payers of whom few wait, so that four together cannot have
 * everything. Guesses. */
#define WAITING_FEW 64u

/* Bytes of writes: of one payer a quarter of this, which is 64 processes with the largest that the
 * kernel sends by default (1 MiB), or 1,000 with the buffers of stdio. Beyond it each may have a
 * 64th, so that there is always one whose turn is worth something. Where we may have little RAM it
 * is an eighth of that. Guesses. */
#define WAITING_DATA (UINT64_C(256) << 20)
#define WAITING_PART 8u

/* A limit that was hit is told once in this time, whoever hit it. */
#define LOG_AGAIN_S 60

#define N_BUCKETS 64u

LIST_HEAD(payer_list, spool_waiting_payer);

struct spool_waiting_payer {
	uid_t payer;
	unsigned int n;
	uint64_t data;
	LIST_ENTRY(spool_waiting_payer) link;
};

struct spool_waiting {
	struct spool_fs *fs;
	struct spool_mutex lock; /* of the following; nothing is called under it */
	struct payer_list buckets[N_BUCKETS];
	struct spool_request_list queues[SPOOL_CTL_WAITING_N]; /* the oldest first, as numbered */
	uint64_t last_number;
	struct spool_waiting_stat stat; /* but for the oldest */
	unsigned int n, n_max;          /* all */
	uint64_t data_max;              /* bytes: see WAITING_DATA */
	time_t logged;                  /* CLOCK_MONOTONIC, s; 0: never */
};

static struct spool_waiting_payer *get_payer(struct spool_waiting *waiting, uid_t uid)
{
	struct payer_list *bucket = &waiting->buckets[uid % N_BUCKETS];
	struct spool_waiting_payer *payer;

	LIST_FOREACH (payer, bucket, link) {
		if (payer->payer == uid)
			return payer;
	}
	payer = calloc(1, sizeof(*payer));
	if (payer) {
		payer->payer = uid;
		LIST_INSERT_HEAD(bucket, payer, link);
		waiting->stat.payers++;
	}
	return payer;
}

static void put_payer(struct spool_waiting *waiting, struct spool_waiting_payer *payer)
{
	if (payer->n > 0)
		return;
	LIST_REMOVE(payer, link);
	waiting->stat.payers--;
	free(payer);
}

/* The kernel's own: nobody waits in a system call that EINTR could be the answer to. */
static bool is_kernels(const struct spool_request *request)
{
	return request->uid == 0 && request->pid == 0;
}

static bool has_place(const struct spool_waiting *waiting, const struct spool_waiting_payer *payer)
{
	unsigned int max = payer->n < WAITING_FEW ? waiting->n_max : waiting->n_max / 4 * 3;

	return payer->n < waiting->n_max / 4 && waiting->n < max;
}

static bool must_drop(const struct spool_waiting *waiting, const struct spool_waiting_payer *payer,
		      const struct spool_request *request)
{
	if (request->opcode != FUSE_WRITE || request->waitq->ops->own_bound ||
	    is_kernels(request) || request->first.done)
		return false;
	return payer->data + request->len > waiting->data_max / 4 ||
	       (waiting->stat.data + request->len > waiting->data_max &&
		payer->data > waiting->data_max / 64);
}

/* It waits for something else than before, or the first time. Behind all others: nobody has to look
 * for the oldest. */
static void queue_locked(struct spool_waiting *waiting, struct spool_request *request)
	SPOOL_REQUIRES(waiting->lock)
{
	request->waiting.counted_as = request->waitq->ops->number;
	request->waiting.since_ms = spool_clock_ms();
	request->waiting.number = ++waiting->last_number;
	TAILQ_INSERT_TAIL(&waiting->queues[request->waiting.counted_as], request, waiting.by_age);
	waiting->stat.n[request->waiting.counted_as]++;
}

static void unqueue_locked(struct spool_waiting *waiting, struct spool_request *request)
	SPOOL_REQUIRES(waiting->lock)
{
	TAILQ_REMOVE(&waiting->queues[request->waiting.counted_as], request, waiting.by_age);
	waiting->stat.n[request->waiting.counted_as]--;
}

static void enter_locked(struct spool_waiting *waiting, struct spool_waiting_payer *payer,
			 struct spool_request *request) SPOOL_REQUIRES(waiting->lock)
{
	request->waiting.drops_data = must_drop(waiting, payer, request);
	request->waiting.payer = payer;
	request->waiting.data = request->waiting.drops_data ? 0 : request->len;
	payer->n++;
	payer->data += request->waiting.data;
	waiting->n++;
	queue_locked(waiting, request);
	waiting->stat.data += request->waiting.data;
}

/* Return: whether it is to be told now that a limit was hit. */
static bool refuse_locked(struct spool_waiting *waiting) SPOOL_REQUIRES(waiting->lock)
{
	time_t now = spool_clock_s();
	bool tell;

	waiting->stat.refused++;
	tell = waiting->logged == 0 || now >= waiting->logged + LOG_AGAIN_S;
	if (tell)
		waiting->logged = now;
	return tell;
}

bool spool_waiting_enter(struct spool_waiting *waiting, struct spool_request *request)
{
	struct spool_waiting_payer *payer;
	unsigned int mine = 0, all = 0;
	bool ok = true, tell = false;

	if (!waiting)
		return true;
	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	request->waiting.attempts = request->attempts;
	if (request->waiting.payer) {
		if (request->waiting.counted_as != request->waitq->ops->number) {
			unqueue_locked(waiting, request);
			queue_locked(waiting, request);
		}
		spool_mutex_unlock(&waiting->lock);
		return true;
	}
	payer = get_payer(waiting, request->payer);
	ok = payer && (is_kernels(request) || request->first.done || has_place(waiting, payer));
	if (ok) {
		enter_locked(waiting, payer, request);
	} else {
		tell = refuse_locked(waiting);
		mine = payer ? payer->n : 0;
		all = waiting->n;
	}
	if (payer)
		put_payer(waiting, payer);
	spool_mutex_unlock(&waiting->lock);
	if (tell)
		spool_log_with(
			waiting->fs->log, SPOOL_LOG_WARNING,
			&(const struct spool_log_field){.name = "SPOOLFS_UID",
							.number = request->payer},
			1,
			"uid %u has %u requests that wait (at most %u, of all users %u of %u): "
			"more are answered EINTR",
			request->payer, mine, waiting->n_max / 4, all, waiting->n_max);
	return ok;
}

void spool_waiting_move(struct spool_waiting *waiting, struct spool_request *from,
			struct spool_request *to)
{
	if (!from->waiting.payer) {
		*to = *from;
		return;
	}
	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	*to = *from;
	TAILQ_INSERT_BEFORE(from, to, waiting.by_age);
	TAILQ_REMOVE(&waiting->queues[from->waiting.counted_as], from, waiting.by_age);
	spool_mutex_unlock(&waiting->lock);
	from->waiting.payer = NULL;
}

void spool_waiting_leave(struct spool_waiting *waiting, struct spool_request *request)
{
	struct spool_waiting_payer *payer = request->waiting.payer;

	if (!payer)
		return;
	request->waiting.payer = NULL;
	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	payer->n--;
	payer->data -= request->waiting.data;
	waiting->n--;
	unqueue_locked(waiting, request);
	waiting->stat.data -= request->waiting.data;
	put_payer(waiting, payer);
	spool_mutex_unlock(&waiting->lock);
}

void spool_waiting_stat(struct spool_waiting *waiting, struct spool_waiting_stat *ret)
{
	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	*ret = waiting->stat;
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		const struct spool_request *first = TAILQ_FIRST(&waiting->queues[i]);

		if (first)
			ret->oldest[i] =
				(struct spool_waiting_oldest){.since_ms = first->waiting.since_ms,
							      .uid = first->uid,
							      .opcode = first->opcode};
	}
	spool_mutex_unlock(&waiting->lock);
}

size_t spool_waiting_list(struct spool_waiting *waiting, enum spool_ctl_waiting wait,
			  uint64_t after, struct spool_waiting_entry *ret, size_t max)
{
	const struct spool_request *request;
	size_t n = 0;

	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	TAILQ_FOREACH (request, &waiting->queues[wait], waiting.by_age) {
		if (request->waiting.number <= after)
			continue;
		if (n == max)
			break;
		ret[n++] = (struct spool_waiting_entry){.number = request->waiting.number,
							.since_ms = request->waiting.since_ms,
							.unique = request->unique,
							.nodeid = request->nodeid,
							.opcode = request->opcode,
							.uid = request->uid,
							.payer = request->payer,
							.attempts = request->waiting.attempts};
	}
	spool_mutex_unlock(&waiting->lock);
	return n;
}

unsigned int spool_waiting_of(struct spool_waiting *waiting, uid_t uid)
{
	const struct spool_waiting_payer *payer;
	unsigned int n = 0;

	spool_mutex_lock(&waiting->lock, SPOOL_RANK_QUEUE);
	LIST_FOREACH (payer, &waiting->buckets[uid % N_BUCKETS], link) {
		if (payer->payer == uid)
			n = payer->n;
	}
	spool_mutex_unlock(&waiting->lock);
	return n;
}

int spool_waiting_new(struct spool_fs *fs, struct spool_waiting **ret)
{
	struct spool_waiting *waiting = calloc(1, sizeof(*waiting));
	uint64_t ram;

	if (!waiting)
		return -ENOMEM;
	waiting->fs = fs;
	ram = fs->options && fs->options->machine_ram ? fs->options->machine_ram : UINT64_MAX;
	waiting->data_max = spool_min_u64(WAITING_DATA, ram / WAITING_PART);
	waiting->n_max = (unsigned int)spool_max_u64(
		WAITING_MIN, spool_min_u64(WAITING_MAX, ram / WAITING_PART / WAITING_BYTES));
	spool_mutex_init(&waiting->lock);
	for (unsigned int i = 0; i < N_BUCKETS; i++)
		LIST_INIT(&waiting->buckets[i]);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		TAILQ_INIT(&waiting->queues[i]);
	*ret = waiting;
	return 0;
}

void spool_waiting_free(struct spool_waiting *waiting)
{
	if (!waiting)
		return;
	spool_mutex_fini(&waiting->lock);
	free(waiting);
}
