/* SPDX-License-Identifier: MIT */
#include "wait/for_ram.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/channel.h"
#include "host/clock.h"
#include "fs.h"
#include "host/loop.h"
#include "security/witness.h"
#include "transport/waitq.h"
#include "util/macros.h"
#include "util/turn.h"

/* Longer than a busy disk takes for 64 MiB, shorter than what people take for a hang (the kernel
 * reports tasks that are stuck for 120 s). A guess. */
#define RAM_LIMIT_S 30

/* A caller with a signal that ends him is let go. The kernel tells of the first signal only, which
 * may be another. So the last SIGNALS callers with one are looked at when it comes, and then once a
 * second, which takes 0.1 ms each. Guesses. */
#define SIGNALS 64u

#define NS_PER_S UINT64_C(1000000000)

struct spool_for_ram {
	struct spool_waitq waitq;
	struct spool_fs *fs;
	struct spool_loop loop;
	struct spool_request_list arrived; /* this and the next: lock of the loop */
	bool kicked;
	uint64_t signals[SIGNALS]; /* lock of the loop, as the next two: their requests; 0: none */
	unsigned int n_signals;    /* so far */
	bool looks;                /* they are to be looked at */
	uint64_t look_ns;          /* of the thread: when they are looked at again at the latest */
	struct spool_turns turns;  /* of the thread: those that have arrived before */
	atomic_uint n_waiting;     /* arrived, in turn or being tried */
	_Atomic uint64_t n_kicks;
	_Atomic time_t last_kick; /* CLOCK_MONOTONIC, s: when RAM last came free */
};

static struct spool_for_ram *queue_of(struct spool_waitq *waitq)
{
	return spool_container_of(waitq, struct spool_for_ram, waitq);
}

static void begin(struct spool_waitq *waitq, struct spool_request *request)
{
	request->ram.n_kicks = atomic_load(&queue_of(waitq)->n_kicks);
}

static bool wants(struct spool_waitq *waitq, struct spool_request *request, int error)
{
	(void)waitq;
	return error == -EAGAIN && !request->last_try;
}

/* Return: false: it is in the list already. */
static bool note_signal_locked(struct spool_for_ram *queue, uint64_t unique)
	SPOOL_REQUIRES(queue->loop.lock)
{
	for (unsigned int i = 0; i < SIGNALS; i++) {
		if (queue->signals[i] == unique)
			return false;
	}
	queue->signals[queue->n_signals++ % SIGNALS] = unique;
	return true;
}

static void take(struct spool_waitq *waitq, struct spool_request *request)
{
	struct spool_for_ram *queue = queue_of(waitq);
	bool stopped, again = request->ram.waited;

	assert(spool_request_waits_in(request, waitq));
	if (!again)
		request->ram.since = spool_clock_s();
	request->ram.waited = true;
	spool_loop_lock(&queue->loop);
	stopped = queue->loop.stop;
	if (!stopped) {
		TAILQ_INSERT_TAIL(&queue->arrived, request, link);
		atomic_fetch_add(&queue->n_waiting, 1);
		/* one that was at the disk meanwhile: the kernel tells of no further signal */
		if (request->ram.signal)
			note_signal_locked(queue, request->unique);
		/* room may have come between its attempt and now; one that has been here, and then
		 * at the disk, would be sent there at once and find as little room */
		queue->kicked |= !again || atomic_load(&queue->n_kicks) != request->ram.n_kicks;
		spool_loop_wake_locked(&queue->loop);
	}
	spool_loop_unlock(&queue->loop);
	if (stopped)
		spool_channel_end(queue->fs, request);
}

void spool_for_ram_kick(struct spool_for_ram *queue)
{
	if (!queue)
		return;
	atomic_store(&queue->last_kick, spool_clock_s());
	atomic_fetch_add(&queue->n_kicks, 1);
	if (atomic_load(&queue->n_waiting) == 0)
		return;
	spool_loop_lock(&queue->loop);
	queue->kicked = true;
	spool_loop_wake_locked(&queue->loop);
	spool_loop_unlock(&queue->loop);
}

unsigned int spool_for_ram_waiting(struct spool_for_ram *queue)
{
	return queue ? atomic_load(&queue->n_waiting) : 0;
}

static void interrupt(struct spool_waitq *waitq, uint64_t unique)
{
	struct spool_for_ram *queue = queue_of(waitq);

	spool_loop_lock(&queue->loop);
	if (note_signal_locked(queue, unique)) {
		queue->looks = true;
		spool_loop_wake_locked(&queue->loop);
	}
	spool_loop_unlock(&queue->loop);
}

/* It has found room, and there may be more. */
static void passed(struct spool_waitq *waitq, struct spool_request *request)
{
	if (request->ram.waited)
		spool_for_ram_kick(queue_of(waitq));
}

/* When a request is answered though no RAM has come. */
static time_t end_of(struct spool_for_ram *queue, const struct spool_request *request)
{
	time_t last = atomic_load(&queue->last_kick);

	return (request->ram.since > last ? request->ram.since : last) + RAM_LIMIT_S;
}

/* Puts those that have come into line. */
static void arrive_locked(struct spool_for_ram *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	struct spool_request *request;

	while ((request = TAILQ_FIRST(&queue->arrived))) {
		TAILQ_REMOVE(&queue->arrived, request, link);
		spool_turns_add(&queue->turns, &request->turn, request->payer);
	}
}

static bool has_signals_locked(const struct spool_for_ram *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	unsigned int i = 0;

	while (i < SIGNALS && queue->signals[i] == 0)
		i++;
	return i < SIGNALS;
}

/* When the time of a first one is over, in ns. */
static uint64_t first_end(struct spool_for_ram *queue)
{
	uint64_t until = SPOOL_FOREVER;
	struct spool_turn *first;

	TAILQ_FOREACH (first, &queue->turns.firsts, link) {
		uint64_t end = (uint64_t)end_of(queue, spool_request_of(first)) * NS_PER_S;

		until = spool_min_u64(until, end);
	}
	return until;
}

/* Until RAM has come free, or somebody's time is over: then true; or somebody who has a signal is
 * to be looked at. */
static bool wait_locked(struct spool_for_ram *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	for (;;) {
		uint64_t until, look = SPOOL_FOREVER;

		arrive_locked(queue);
		if (queue->loop.stop || queue->kicked)
			return true;
		if (queue->looks)
			return false;
		until = first_end(queue);
		if (has_signals_locked(queue))
			look = queue->look_ns;
		if (spool_loop_wait_locked(&queue->loop, spool_min_u64(until, look)))
			continue;
		/* what came while we were about to take the lock again is seen above */
		if (!queue->kicked && !queue->loop.stop)
			return until <= look;
	}
}

enum tried { GOES_ON, AT_THE_DISK, GONE };

/* Tries one, without waiting for the disk here, also in the end. Return: GOES_ON: it is still ours.
 */
static enum tried try_one(struct spool_for_ram *queue, struct spool_request *request, bool last)
{
	enum tried tried = GONE;

	assert(spool_request_waits_in(request, &queue->waitq) && request->ram.waited);
	spool_channel_retry(queue->fs, request, last ? SPOOL_TRY_LAST : SPOOL_TRY);
	if (request->waitq == &queue->waitq) {
		spool_channel_keep(request);
		return GOES_ON;
	}
	assert(atomic_load(&queue->n_waiting) > 0);
	atomic_fetch_sub(&queue->n_waiting, 1);
	if (request->waitq && request->waitq->ops->number == SPOOL_CTL_WAITING_DISK)
		tried = AT_THE_DISK;
	spool_channel_hand_on(request);
	return tried;
}

/* One request of each payer. Return: whether any needs no room any more: then all get another turn.
 * One that is at the disk may find that there is none; when it has found some, we are kicked. */
static bool pass(struct spool_for_ram *queue)
{
	unsigned int n = queue->turns.n_payers;
	bool any = false;

	while (n-- > 0) {
		struct spool_request *request = spool_request_of(spool_turns_next(&queue->turns));
		enum tried tried =
			try_one(queue, request, spool_clock_s() >= end_of(queue, request));

		any |= tried == GONE;
		if (tried == GOES_ON)
			spool_turns_put_back(&queue->turns, &request->turn);
	}
	return any;
}

/* The request @unique, if it waits here. */
static struct spool_request *find(struct spool_for_ram *queue, uint64_t unique)
{
	struct spool_turn *first, *turn;

	TAILQ_FOREACH (first, &queue->turns.firsts, link) {
		if (spool_request_of(first)->unique == unique)
			return spool_request_of(first);
		TAILQ_FOREACH (turn, &first->behind, link) {
			if (spool_request_of(turn)->unique == unique)
				return spool_request_of(turn);
		}
	}
	return NULL;
}

/* Nobody is to look at it any more; but if its request has come while we looked for it it stays. */
static void drop_signal(struct spool_for_ram *queue, unsigned int i, uint64_t unique)
{
	struct spool_request *request;

	spool_loop_lock(&queue->loop);
	TAILQ_FOREACH (request, &queue->arrived, link) {
		if (request->unique == unique)
			break;
	}
	if (!request && queue->signals[i] == unique)
		queue->signals[i] = 0;
	spool_loop_unlock(&queue->loop);
}

/* Whoever is about to end waits no more. Return: is there nothing to look at any more? */
static bool let_go(struct spool_for_ram *queue, uint64_t unique)
{
	struct spool_request *request = find(queue, unique);

	if (!request)
		return true; /* if it is yet to come here, it is noted again */
	request->ram.signal = true;
	if (!spool_witness_is_dying(queue->fs->witness, request->pid))
		return false;
	spool_turns_remove(&queue->turns, &request->turn);
	try_one(queue, request, true);
	return true;
}

/* Not whenever RAM has come: those who can have it would wait for each answer. */
static void look_at_signals(struct spool_for_ram *queue)
{
	uint64_t signals[SIGNALS];
	bool due;

	spool_loop_lock(&queue->loop);
	arrive_locked(queue); /* also who has come just now may have had a signal by then */
	due = queue->looks || spool_clock_ns() >= queue->look_ns;
	queue->looks = false;
	memcpy(signals, queue->signals, sizeof(signals));
	spool_loop_unlock(&queue->loop);
	if (!due)
		return;
	for (unsigned int i = 0; i < SIGNALS; i++) {
		if (signals[i] != 0 && let_go(queue, signals[i]))
			drop_signal(queue, i, signals[i]);
	}
	queue->look_ns = spool_clock_ns() + NS_PER_S;
}

static void *queue_main(void *arg)
{
	struct spool_for_ram *queue = arg;
	bool stop = false, tries;

	while (!stop) {
		struct spool_request *request;

		spool_loop_lock(&queue->loop);
		tries = wait_locked(queue);
		queue->kicked = false;
		stop = queue->loop.stop;
		spool_loop_unlock(&queue->loop);
		if (!stop)
			look_at_signals(queue);
		while (!stop && tries && pass(queue))
			;
		while (stop && (request = spool_request_of(spool_turns_next(&queue->turns))))
			try_one(queue, request, true);
	}
	return NULL;
}

struct spool_waitq *spool_for_ram_waitq(struct spool_for_ram *queue)
{
	return &queue->waitq;
}

int spool_for_ram_new(struct spool_fs *fs, struct spool_for_ram **ret)
{
	static const struct spool_waitq_ops ops = {.number = SPOOL_CTL_WAITING_RAM,
						   .begin = begin,
						   .wants = wants,
						   .take = take,
						   .interrupt = interrupt,
						   .passed = passed};
	struct spool_for_ram *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->waitq.ops = &ops;
	queue->fs = fs;
	TAILQ_INIT(&queue->arrived);
	spool_turns_init(&queue->turns);
	spool_loop_init(&queue->loop);
	r = spool_loop_start(&queue->loop, "spoolfs-ram", queue_main, queue);
	if (r < 0) {
		spool_for_ram_free(queue);
		return r;
	}
	*ret = queue;
	return 0;
}

void spool_for_ram_stop(struct spool_for_ram *queue)
{
	if (queue)
		spool_loop_stop(&queue->loop);
}

void spool_for_ram_free(struct spool_for_ram *queue)
{
	if (!queue)
		return;
	assert(TAILQ_EMPTY(&queue->arrived) && spool_turns_is_empty(&queue->turns));
	assert(atomic_load(&queue->n_waiting) == 0);
	spool_loop_fini(&queue->loop);
	free(queue);
}
