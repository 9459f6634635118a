/* SPDX-License-Identifier: MIT */
#include "room.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "channel.h"
#include "clock.h"
#include "fs.h"
#include "thread.h"
#include "turn.h"

/* Longer than a busy disk takes for 64 MiB, shorter than what people take for a hang (the kernel
 * reports tasks that are stuck for 120 s). A guess. */
#define ROOM_LIMIT_S 30

struct spool_room {
	struct spool_fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	struct spool_message_list arrived;
	time_t last_room; /* CLOCK_MONOTONIC, s: when RAM last came free */
	bool kicked;
	bool stop;
	struct spool_turns turns; /* of the thread: those that have arrived before */
	atomic_uint n_waiting;    /* arrived, in turn or being tried */
};

void spool_room_take(struct spool_room *room, struct spool_message *message)
{
	bool stopped;

	message->since = spool_clock_s();
	message->waited = true;
	pthread_mutex_lock(&room->lock);
	stopped = room->stop;
	if (!stopped) {
		TAILQ_INSERT_TAIL(&room->arrived, message, link);
		atomic_fetch_add(&room->n_waiting, 1);
		room->kicked = true; /* room may have come between its attempt and now */
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
	if (!room || atomic_load(&room->n_waiting) == 0)
		return;
	pthread_mutex_lock(&room->lock);
	room->kicked = true;
	room->last_room = spool_clock_s();
	pthread_cond_signal(&room->changed);
	pthread_mutex_unlock(&room->lock);
}

unsigned int spool_room_waiting(struct spool_room *room)
{
	return room ? atomic_load(&room->n_waiting) : 0;
}

/* When a request is answered though no RAM has come. */
static time_t end_of(const struct spool_message *message, time_t last_room)
{
	time_t from = message->since > last_room ? message->since : last_room;

	return from + ROOM_LIMIT_S;
}

/* Until RAM has come free, or somebody's time is over. The lock is held. */
static void wait_locked(struct spool_room *room)
{
	while (!room->stop && !room->kicked) {
		struct spool_message *first;
		struct timespec until = {0};

		if (spool_turns_is_empty(&room->turns)) {
			pthread_cond_wait(&room->changed, &room->lock);
			continue;
		}
		TAILQ_FOREACH (first, &room->turns.firsts, link) {
			time_t end = end_of(first, room->last_room);

			if (until.tv_sec == 0 || end < until.tv_sec)
				until.tv_sec = end;
		}
		if (pthread_cond_timedwait(&room->changed, &room->lock, &until) == ETIMEDOUT)
			return;
	}
}

/* Tries one. Return: false when it goes on waiting. */
static bool try_one(struct spool_room *room, struct spool_message *message, bool last)
{
	if (last)
		spool_channel_process_last(room->fs, message);
	else
		spool_channel_process(room->fs, message);
	if (message->parked && message->waits_for == SPOOL_WAIT_ROOM)
		return false;
	atomic_fetch_sub(&room->n_waiting, 1);
	if (message->parked)
		spool_channel_park(room->fs, message);
	else
		message->finish(message);
	return true;
}

/* One request of each payer. Return: whether any was answered: then all get another turn. */
static bool pass(struct spool_room *room, time_t last_room)
{
	unsigned int n = room->turns.n_payers;
	bool any = false;

	while (n-- > 0) {
		struct spool_message *message = spool_turns_next(&room->turns);

		if (try_one(room, message, spool_clock_s() >= end_of(message, last_room)))
			any = true;
		else
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
		time_t last_room;

		pthread_mutex_lock(&room->lock);
		wait_locked(room);
		room->kicked = false;
		stop = room->stop;
		last_room = room->last_room;
		while ((message = TAILQ_FIRST(&room->arrived))) {
			TAILQ_REMOVE(&room->arrived, message, link);
			spool_turns_add(&room->turns, message);
		}
		pthread_mutex_unlock(&room->lock);
		while (!stop && pass(room, last_room))
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
