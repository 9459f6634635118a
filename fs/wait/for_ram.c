/* SPDX-License-Identifier: MIT */
#include "wait/for_ram.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "host/clock.h"
#include "fs.h"
#include "host/thread.h"
#include "transport/turn.h"

/* Longer than a busy disk takes for 64 MiB, shorter than what people take for a hang (the kernel
 * reports tasks that are stuck for 120 s). A guess. */
#define ROOM_LIMIT_S 30

struct spool_room {
	struct spool_fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	struct spool_message_list arrived;
	bool kicked;
	bool stop;
	struct spool_turns turns; /* of the thread: those that have arrived before */
	atomic_uint n_waiting;    /* arrived, in turn or being tried */
	_Atomic uint64_t n_kicks;
	_Atomic time_t last_kick; /* CLOCK_MONOTONIC, s: when RAM last came free */
};

void spool_room_take(struct spool_room *room, struct spool_message *message)
{
	bool stopped, again = message->waited;

	if (!again)
		message->since = spool_clock_s();
	message->waited = true;
	pthread_mutex_lock(&room->lock);
	stopped = room->stop;
	if (!stopped) {
		TAILQ_INSERT_TAIL(&room->arrived, message, link);
		atomic_fetch_add(&room->n_waiting, 1);
		/* room may have come between its attempt and now; one that has been here, and then
		 * at the disk, would be sent there at once and find as little room */
		room->kicked |= !again || atomic_load(&room->n_kicks) != message->n_rooms;
		pthread_cond_signal(&room->changed);
	}
	pthread_mutex_unlock(&room->lock);
	if (stopped) {
		spool_channel_process_last(room->fs, message);
		message->finish(message);
	}
}

void spool_room_kick(struct spool_room *room)
{
	if (!room)
		return;
	atomic_store(&room->last_kick, spool_clock_s());
	atomic_fetch_add(&room->n_kicks, 1);
	if (atomic_load(&room->n_waiting) == 0)
		return;
	pthread_mutex_lock(&room->lock);
	room->kicked = true;
	pthread_cond_signal(&room->changed);
	pthread_mutex_unlock(&room->lock);
}

unsigned int spool_room_waiting(struct spool_room *room)
{
	return room ? atomic_load(&room->n_waiting) : 0;
}

uint64_t spool_room_kicks(struct spool_room *room)
{
	return room ? atomic_load(&room->n_kicks) : 0;
}

/* When a request is answered though no RAM has come. */
static time_t end_of(struct spool_room *room, const struct spool_message *message)
{
	time_t last = atomic_load(&room->last_kick);

	return (message->since > last ? message->since : last) + ROOM_LIMIT_S;
}

/* The lock is held. */
static void arrive_locked(struct spool_room *room)
{
	struct spool_message *message;

	while ((message = TAILQ_FIRST(&room->arrived))) {
		TAILQ_REMOVE(&room->arrived, message, link);
		spool_turns_add(&room->turns, message);
	}
}

/* Until RAM has come free, or somebody's time is over. The lock is held. */
static void wait_locked(struct spool_room *room)
{
	for (;;) {
		struct spool_message *first;
		struct timespec until = {0};

		arrive_locked(room);
		if (room->stop || room->kicked)
			return;
		if (spool_turns_is_empty(&room->turns)) {
			pthread_cond_wait(&room->changed, &room->lock);
			continue;
		}
		TAILQ_FOREACH (first, &room->turns.firsts, link) {
			time_t end = end_of(room, first);

			if (until.tv_sec == 0 || end < until.tv_sec)
				until.tv_sec = end;
		}
		if (pthread_cond_timedwait(&room->changed, &room->lock, &until) == ETIMEDOUT)
			return;
	}
}

enum tried { GOES_ON, AT_THE_DISK, GONE };

/* Tries one, without waiting for the disk here, also in the end. Return: GOES_ON: it is still ours.
 */
static enum tried try_one(struct spool_room *room, struct spool_message *message, bool last)
{
	enum tried tried = GONE;

	if (last)
		spool_channel_process_firm(room->fs, message);
	else
		spool_channel_process(room->fs, message);
	if (message->parked && message->waits_for == SPOOL_WAIT_ROOM)
		return GOES_ON;
	atomic_fetch_sub(&room->n_waiting, 1);
	if (message->parked && message->waits_for == SPOOL_WAIT_DISK)
		tried = AT_THE_DISK;
	if (message->parked)
		spool_channel_park(room->fs, message);
	else
		message->finish(message);
	return tried;
}

/* One request of each payer. Return: whether any needs no room any more: then all get another turn.
 * One that is at the disk may find that there is none; when it has found some, we are kicked. */
static bool pass(struct spool_room *room)
{
	unsigned int n = room->turns.n_payers;
	bool any = false;

	while (n-- > 0) {
		struct spool_message *message = spool_turns_next(&room->turns);
		enum tried tried = try_one(room, message, spool_clock_s() >= end_of(room, message));

		any |= tried == GONE;
		if (tried == GOES_ON)
			spool_turns_put_back(&room->turns, message);
	}
	return any;
}

static void *room_main(void *arg)
{
	struct spool_room *room = arg;
	bool stop = false;

	while (!stop) {
		struct spool_message *message;

		pthread_mutex_lock(&room->lock);
		wait_locked(room);
		room->kicked = false;
		stop = room->stop;
		pthread_mutex_unlock(&room->lock);
		while (!stop && pass(room))
			;
		while (stop && (message = spool_turns_next(&room->turns)))
			try_one(room, message, true);
	}
	return NULL;
}

int spool_room_new(struct spool_fs *fs, struct spool_room **ret)
{
	struct spool_room *room = calloc(1, sizeof(*room));
	int r;

	if (!room)
		return -ENOMEM;
	room->fs = fs;
	TAILQ_INIT(&room->arrived);
	spool_turns_init(&room->turns);
	pthread_mutex_init(&room->lock, NULL);
	spool_thread_cond_init(&room->changed);
	r = spool_thread_start(&room->thread, "spoolfs-room", room_main, room);
	if (r < 0) {
		spool_room_free(room);
		return r;
	}
	*ret = room;
	return 0;
}

void spool_room_stop(struct spool_room *room)
{
	if (!room)
		return;
	pthread_mutex_lock(&room->lock);
	room->stop = true;
	pthread_cond_signal(&room->changed);
	pthread_mutex_unlock(&room->lock);
	pthread_join(room->thread, NULL);
}

void spool_room_free(struct spool_room *room)
{
	if (!room)
		return;
	pthread_cond_destroy(&room->changed);
	pthread_mutex_destroy(&room->lock);
	free(room);
}
