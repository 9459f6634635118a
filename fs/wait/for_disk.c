/* SPDX-License-Identifier: MIT */
#include "wait/for_disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "host/thread.h"
#include "transport/turn.h"

/* Requests of one payer that wait for the disk at the same time: enough to keep a queue of 8 to 32
 * requests of an SSD busy. A disk may hang for what some ask of it, so others find threads beside
 * those; when half of all are taken, each payer gets few. They cost a stack each. Guesses. */
#define DISK_THREADS_OF_PAYER 16u
#define DISK_THREADS 128u
#define DISK_THREADS_OF_MANY (DISK_THREADS / 2)
#define DISK_THREADS_FEW 2u

struct spool_disk {
	void (*serve)(void *ctx, struct spool_message *message);
	void *ctx;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	struct spool_turns turns;
	pthread_t threads[DISK_THREADS];
	unsigned int n_threads, n_idle;
	unsigned int n_woken;       /* of the idle, those that are about to look */
	uid_t served[DISK_THREADS]; /* payers of what is being served */
	unsigned int n_served;
	bool stop;
};

static bool may_serve(const struct spool_disk *disk, uid_t payer)
{
	unsigned int mine = 0;

	for (unsigned int i = 0; i < disk->n_served; i++)
		mine += disk->served[i] == payer;
	return mine <
	       (disk->n_served < DISK_THREADS_OF_MANY ? DISK_THREADS_OF_PAYER : DISK_THREADS_FEW);
}

/* The payer whose turn it is, of those that may have one more thread, comes to the front. Return:
 * false: nothing is to be done. The lock is held. */
static bool find_locked(struct spool_disk *disk)
{
	for (unsigned int i = disk->turns.n_payers; i > 0; i--) {
		if (may_serve(disk, TAILQ_FIRST(&disk->turns.firsts)->payer))
			return true;
		spool_turns_put_back(&disk->turns, spool_turns_next(&disk->turns));
	}
	return false;
}

static void *disk_main(void *arg);

/* One thread more looks for what is to be done, an idle one or a new one; and it wakes the next.
 * The lock is held. */
static void wake_locked(struct spool_disk *disk)
{
	if (disk->stop || disk->n_woken > 0 || !find_locked(disk))
		return;
	if (disk->n_idle > 0) {
		disk->n_woken++;
		pthread_cond_signal(&disk->changed);
	} else if (disk->n_threads < DISK_THREADS &&
		   spool_thread_start(&disk->threads[disk->n_threads], "spoolfs-disk", disk_main,
				      disk) == 0) {
		disk->n_threads++;
		disk->n_idle++;
		disk->n_woken++;
	}
}

/* Return: NULL: nothing is to be done. The lock is held. */
static struct spool_message *begin_locked(struct spool_disk *disk)
{
	struct spool_message *message = NULL;

	if (find_locked(disk)) {
		message = spool_turns_next(&disk->turns);
		disk->served[disk->n_served++] = message->payer;
	}
	return message;
}

static void end_locked(struct spool_disk *disk, uid_t payer)
{
	unsigned int i = 0;

	while (disk->served[i] != payer)
		i++;
	disk->served[i] = disk->served[--disk->n_served];
}

static void serve_one(const struct spool_disk *disk, struct spool_message *message)
{
	message->may_wait = true;
	disk->serve(disk->ctx, message);
}

static void *disk_main(void *arg)
{
	struct spool_disk *disk = arg;
	struct spool_message *message;
	uid_t payer;

	pthread_mutex_lock(&disk->lock);
	disk->n_idle--;
	disk->n_woken -= disk->n_woken > 0;
	for (;;) {
		message = begin_locked(disk);
		if (!message && disk->stop)
			break;
		if (!message) {
			disk->n_idle++;
			pthread_cond_wait(&disk->changed, &disk->lock);
			disk->n_idle--;
			disk->n_woken -= disk->n_woken > 0;
			continue;
		}
		payer = message->payer;
		wake_locked(disk);
		pthread_mutex_unlock(&disk->lock);
		serve_one(disk, message);
		pthread_mutex_lock(&disk->lock);
		end_locked(disk, payer);
	}
	pthread_mutex_unlock(&disk->lock);
	return NULL;
}

/* Return: false when there is nobody to take it. */
static bool put(struct spool_disk *disk, struct spool_message *message)
{
	bool ok = false;

	pthread_mutex_lock(&disk->lock);
	if (!disk->stop) {
		spool_turns_add(&disk->turns, message);
		wake_locked(disk);
		ok = disk->n_threads > 0;
		if (!ok)
			spool_turns_next(&disk->turns);
	}
	pthread_mutex_unlock(&disk->lock);
	return ok;
}

void spool_disk_take(struct spool_disk *disk, struct spool_message *message)
{
	if (!put(disk, message))
		serve_one(disk, message);
}

int spool_disk_new(void (*serve)(void *ctx, struct spool_message *message), void *ctx,
		   struct spool_disk **ret)
{
	struct spool_disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return -ENOMEM;
	disk->serve = serve;
	disk->ctx = ctx;
	spool_turns_init(&disk->turns);
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->changed, NULL);
	*ret = disk;
	return 0;
}

void spool_disk_stop(struct spool_disk *disk)
{
	if (!disk)
		return;
	pthread_mutex_lock(&disk->lock);
	disk->stop = true;
	pthread_cond_broadcast(&disk->changed);
	pthread_mutex_unlock(&disk->lock);
	/* no thread is started any more */
	for (unsigned int i = 0; i < disk->n_threads; i++)
		pthread_join(disk->threads[i], NULL);
}

void spool_disk_free(struct spool_disk *disk)
{
	if (!disk)
		return;
	pthread_cond_destroy(&disk->changed);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}
