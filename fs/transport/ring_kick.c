/* SPDX-License-Identifier: MIT */

/*
 * The kernel gives a request that found no free entry to the next entry that is committed, and to
 * no other: an entry that is registered meanwhile waits for a new request. When all entries of a
 * ring have deferred requests, what waits behind them would wait until one of those is answered.
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

#include "host/loop.h"
#include "host/thread.h"

/* Of ring 0; that of others is 2 higher each. The kernel counts its own from 2 upwards, in steps of
 * 2, and odd ones mean interrupts. */
#define KICK_UNIQUE (UINT64_C(1) << 63)

struct ring_kicker {
	struct spool_rings *rings;
	struct spool_loop loop; /* woken when some ring wants a kick */
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
	uint64_t seen = 0;

	while (spool_loop_sleep(&kicker->loop, &seen, SPOOL_FOREVER)) {
		for (unsigned int i = 0; i < rings->n; i++) {
			struct spool_ring *ring = &rings->rings[i];

			/* when it fails, as that file has been closed since, the ring asks again */
			if (atomic_exchange(&ring->wants, false) && spool_thread_pin(ring->cpu) &&
			    send_kick(ring) < 0)
				atomic_store(&ring->kicked, false);
		}
	}
	return NULL;
}

void ring_kick(struct spool_ring *ring)
{
	atomic_store(&ring->wants, true);
	spool_loop_wake(&ring->rings->kicker->loop);
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
	spool_loop_init(&kicker->loop);
	r = spool_loop_start(&kicker->loop, "spoolfs-kick", kicker_main, kicker);
	if (r < 0) {
		ring_kicker_free(kicker);
		return r;
	}
	*ret = kicker;
	return 0;
}

void ring_kicker_free(struct ring_kicker *kicker)
{
	if (!kicker)
		return;
	spool_loop_stop(&kicker->loop);
	spool_loop_fini(&kicker->loop);
	free(kicker);
}
