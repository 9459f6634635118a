/* SPDX-License-Identifier: MIT */
#include "wait/for_spill.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "host/clock.h"
#include "fs.h"
#include "host/thread.h"

/* Long enough for 1 GB on a slow disk. Guesses, both. */
#define ASKED_LIMIT_S 30u
#define ASKED_PER_PAYER 8u

#define NS_PER_MS UINT64_C(1000000)
#define MS_PER_S 1000u

struct spool_asked {
	struct spool_fs *fs;
	pthread_mutex_t lock; /* of the following; only a thread is started under it */
	pthread_cond_t changed;
	struct spool_message_list waiting; /* those who wait longest first */
	struct spool_message_list ended;   /* to be answered */
	uint64_t last_id;
	pthread_t thread;
	bool has_thread;
	bool stop;
};

static void end_locked(struct spool_asked *asked, struct spool_message *message, int result)
{
	TAILQ_REMOVE(&asked->waiting, message, link);
	message->told = SPOOL_TOLD;
	message->result = result;
	TAILQ_INSERT_TAIL(&asked->ended, message, link);
	pthread_cond_signal(&asked->changed);
}

/* Nobody waits for @message here any more. */
static void answer(struct spool_asked *asked, struct spool_message *message)
{
	spool_engine_forget_ask(asked->fs->engine, message->ask_id);
	spool_channel_process(asked->fs, message);
	if (message->parked)
		spool_channel_park(asked->fs, message);
	else
		message->finish(message);
}

/* Until somebody is to be answered, or the first one's time is over. Return: false at the end. */
static bool wait_locked(struct spool_asked *asked)
{
	struct spool_message *first;

	while (TAILQ_EMPTY(&asked->ended) && !asked->stop) {
		struct timespec until;

		first = TAILQ_FIRST(&asked->waiting);
		if (!first) {
			pthread_cond_wait(&asked->changed, &asked->lock);
			continue;
		}
		until = spool_clock_time(first->until_ms * NS_PER_MS);
		if (pthread_cond_timedwait(&asked->changed, &asked->lock, &until) == ETIMEDOUT &&
		    first == TAILQ_FIRST(&asked->waiting))
			end_locked(asked, first, -ETIMEDOUT);
	}
	return !TAILQ_EMPTY(&asked->ended);
}

static void *asked_main(void *arg)
{
	struct spool_asked *asked = arg;
	struct spool_message *message;

	pthread_mutex_lock(&asked->lock);
	while (wait_locked(asked)) {
		message = TAILQ_FIRST(&asked->ended);
		TAILQ_REMOVE(&asked->ended, message, link);
		pthread_mutex_unlock(&asked->lock);
		answer(asked, message);
		pthread_mutex_lock(&asked->lock);
	}
	pthread_mutex_unlock(&asked->lock);
	return NULL;
}

/* Return: 0: it waits; -EINTR at the end; -EBUSY; -errno without a thread. */
static int add_locked(struct spool_asked *asked, struct spool_message *message)
{
	struct spool_message *other;
	unsigned int n = 0;
	int r = 0;

	TAILQ_FOREACH (other, &asked->waiting, link)
		n += other->payer == message->payer;
	if (asked->stop)
		return -EINTR;
	if (n >= ASKED_PER_PAYER)
		return -EBUSY;
	if (!asked->has_thread)
		r = spool_thread_start(&asked->thread, "spoolfs-asked", asked_main, asked);
	if (r < 0)
		return r;
	asked->has_thread = true;
	message->ask_id = ++asked->last_id;
	message->until_ms = spool_clock_ms() + ASKED_LIMIT_S * MS_PER_S;
	TAILQ_INSERT_TAIL(&asked->waiting, message, link);
	pthread_cond_signal(&asked->changed);
	return 0;
}

void spool_asked_take(struct spool_asked *asked, struct spool_message *message)
{
	uint64_t ino = message->about_ino, id;
	int r;

	pthread_mutex_lock(&asked->lock);
	r = add_locked(asked, message);
	id = message->ask_id;
	pthread_mutex_unlock(&asked->lock);
	if (r < 0) {
		message->told = SPOOL_TOLD;
		message->result = r;
		answer(asked, message);
		return;
	}
	/* from here on @message may be gone */
	r = spool_engine_ask_spill(asked->fs->engine, ino, id);
	if (r < 0)
		spool_asked_done(asked, id, r);
}

void spool_asked_done(struct spool_asked *asked, uint64_t id, int result)
{
	struct spool_message *message;

	pthread_mutex_lock(&asked->lock);
	TAILQ_FOREACH (message, &asked->waiting, link) {
		if (message->ask_id == id)
			break;
	}
	if (message)
		end_locked(asked, message, result);
	pthread_mutex_unlock(&asked->lock);
}

bool spool_asked_interrupt(struct spool_asked *asked, uint64_t unique)
{
	struct spool_message *message;

	if (!asked)
		return false;
	pthread_mutex_lock(&asked->lock);
	TAILQ_FOREACH (message, &asked->waiting, link) {
		if (message->unique == unique)
			break;
	}
	if (message)
		end_locked(asked, message, -EINTR);
	pthread_mutex_unlock(&asked->lock);
	return message;
}

int spool_asked_new(struct spool_fs *fs, struct spool_asked **ret)
{
	struct spool_asked *asked = calloc(1, sizeof(*asked));

	if (!asked)
		return -ENOMEM;
	asked->fs = fs;
	TAILQ_INIT(&asked->waiting);
	TAILQ_INIT(&asked->ended);
	pthread_mutex_init(&asked->lock, NULL);
	spool_thread_cond_init(&asked->changed);
	*ret = asked;
	return 0;
}

void spool_asked_stop(struct spool_asked *asked)
{
	struct spool_message *message;

	if (!asked)
		return;
	pthread_mutex_lock(&asked->lock);
	asked->stop = true;
	while ((message = TAILQ_FIRST(&asked->waiting)))
		end_locked(asked, message, -EINTR);
	pthread_cond_signal(&asked->changed);
	pthread_mutex_unlock(&asked->lock);
	if (asked->has_thread)
		pthread_join(asked->thread, NULL);
}

void spool_asked_free(struct spool_asked *asked)
{
	if (!asked)
		return;
	pthread_cond_destroy(&asked->changed);
	pthread_mutex_destroy(&asked->lock);
	free(asked);
}
