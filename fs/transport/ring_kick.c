/* SPDX-License-Identifier: MIT */

/*
 * The kernel gives a request that found no free entry to the next entry that is committed, and to
 * no other: an entry that is registered meanwhile waits for a new request. When all entries of a
 * ring are put aside, what waits behind them would wait until one of those is answered.
 *
 * So we make the kernel send a request of our own to the ring: FUSE_NOTIFY_RETRIEVE for no bytes of
 * a file that it has in hand, as somebody waits for it. It answers at once with FUSE_NOTIFY_REPLY,
 * a request of the CPU that asks. That takes a new entry; committing it takes the next of those
 * that wait.
 *
 * Notifications may wait for the kernel (for an unmount that has just begun), so a thread of its
 * own sends them.
 */

#include "transport/ring_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/thread.h"

/* Of ring 0; that of others is 2 higher each. The kernel counts its own from 2 upwards, in steps of
 * 2, and odd ones mean interrupts. */
#define KICK_UNIQUE (UINT64_C(1) << 63)

struct ring_kicker {
	struct spool_rings *rings;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	bool wanted; /* by some ring */
	bool stop;
};

/* Return: 0; -errno. */
static int send_kick(const struct spool_ring *ring)
{
	const struct {
		struct fuse_out_header header;
		struct fuse_notify_retrieve_out retrieve;
	} notification = {
		.header = {.len = sizeof(notification), .error = FUSE_NOTIFY_RETRIEVE},
		.retrieve = {.notify_unique = KICK_UNIQUE + 2 * (uint64_t)ring->cpu,
			     .nodeid = atomic_load(&ring->file)},
	};

	return write(ring->rings->fd, &notification, sizeof(notification)) < 0 ? -errno : 0;
}

static void *kicker_main(void *arg)
{
	struct ring_kicker *kicker = arg;
	struct spool_rings *rings = kicker->rings;

	pthread_mutex_lock(&kicker->lock);
	while (!kicker->stop) {
		if (!kicker->wanted) {
			pthread_cond_wait(&kicker->changed, &kicker->lock);
			continue;
		}
		kicker->wanted = false;
		pthread_mutex_unlock(&kicker->lock);
		for (unsigned int i = 0; i < rings->n; i++) {
			struct spool_ring *ring = &rings->rings[i];

			/* when it fails, as that file has been closed since, the ring asks again */
			if (atomic_exchange(&ring->wants, false) && spool_thread_pin(ring->cpu) &&
			    send_kick(ring) < 0)
				atomic_store(&ring->kicked, false);
		}
		pthread_mutex_lock(&kicker->lock);
	}
	pthread_mutex_unlock(&kicker->lock);
	return NULL;
}

void ring_kick(struct spool_ring *ring)
{
	struct ring_kicker *kicker = ring->rings->kicker;

	atomic_store(&ring->wants, true);
	pthread_mutex_lock(&kicker->lock);
	kicker->wanted = true;
	pthread_cond_signal(&kicker->changed);
	pthread_mutex_unlock(&kicker->lock);
}

struct spool_ring *ring_kick_of(struct spool_rings *rings, const struct fuse_in_header *header)
{
	uint64_t cpu = (header->unique - KICK_UNIQUE) / 2;

	if (header->opcode != FUSE_NOTIFY_REPLY || header->unique < KICK_UNIQUE || cpu >= rings->n)
		return NULL;
	return &rings->rings[cpu];
}

int ring_kicker_new(struct spool_rings *rings, struct ring_kicker **ret)
{
	struct ring_kicker *kicker = calloc(1, sizeof(*kicker));
	int r;

	if (!kicker)
		return -ENOMEM;
	kicker->rings = rings;
	pthread_mutex_init(&kicker->lock, NULL);
	pthread_cond_init(&kicker->changed, NULL);
	r = spool_thread_start(&kicker->thread, "spoolfs-kick", kicker_main, kicker);
	if (r < 0) {
		pthread_cond_destroy(&kicker->changed);
		pthread_mutex_destroy(&kicker->lock);
		free(kicker);
		return r;
	}
	*ret = kicker;
	return 0;
}

void ring_kicker_free(struct ring_kicker *kicker)
{
	if (!kicker)
		return;
	pthread_mutex_lock(&kicker->lock);
	kicker->stop = true;
	pthread_cond_signal(&kicker->changed);
	pthread_mutex_unlock(&kicker->lock);
	pthread_join(kicker->thread, NULL);
	pthread_cond_destroy(&kicker->changed);
	pthread_mutex_destroy(&kicker->lock);
	free(kicker);
}
