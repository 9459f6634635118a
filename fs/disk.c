/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "channel.h"
#include "fs.h"
#include "thread.h"
#include "turn.h"

/* Requests that wait for the disk at the same time: enough to keep a queue of 8 to 32 requests of
 * an SSD busy, and 16 stacks. A guess. */
#define DISK_THREADS 16u

struct spool_disk {
	struct spool_fs *fs;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	struct spool_turns turns;
	pthread_t threads[DISK_THREADS];
	unsigned int n_threads, n_idle;
	bool stop;
};

static void serve(struct spool_disk *disk, struct spool_message *message)
{
	message->may_wait = true;
	spool_channel_process(disk->fs, message);
	if (message->parked)
		spool_channel_park(disk->fs, message);
	else
		message->finish(message);
}

static void *disk_main(void *arg)
{
	struct spool_disk *disk = arg;
	struct spool_message *message;

	pthread_mutex_lock(&disk->lock);
	for (;;) {
		message = spool_turns_next(&disk->turns);
		if (!message && disk->stop)
			break;
		if (!message) {
			disk->n_idle++;
			pthread_cond_wait(&disk->changed, &disk->lock);
			disk->n_idle--;
			continue;
		}
		pthread_mutex_unlock(&disk->lock);
		serve(disk, message);
		pthread_mutex_lock(&disk->lock);
	}
	pthread_mutex_unlock(&disk->lock);
	return NULL;
}

/* Return: false when there is nobody to take it. */
static bool put(struct spool_disk *disk, struct spool_message *message)
{
	bool ok = false;

	pthread_mutex_lock(&disk->lock);
	if (!disk->stop && disk->n_idle == 0 && disk->n_threads < DISK_THREADS &&
	    spool_thread_start(&disk->threads[disk->n_threads], "spoolfs-disk", disk_main, disk) ==
		    0)
		disk->n_threads++;
	ok = !disk->stop && disk->n_threads > 0;
	if (ok) {
		spool_turns_add(&disk->turns, message);
		pthread_cond_signal(&disk->changed);
	}
	pthread_mutex_unlock(&disk->lock);
	return ok;
}

void spool_disk_take(struct spool_disk *disk, struct spool_message *message)
{
	if (!put(disk, message))
		serve(disk, message);
}

int spool_disk_new(struct spool_fs *fs, struct spool_disk **ret)
{
	struct spool_disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return -ENOMEM;
	disk->fs = fs;
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
