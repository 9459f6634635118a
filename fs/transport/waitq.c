/* SPDX-License-Identifier: MIT */
#include "transport/waitq.h"

#include <stddef.h>

#include "fs.h"
#include "transport/request.h"

void spool_waitqs_add(struct spool_fs *fs, struct spool_waitq *queue)
{
	queue->fs = fs;
	fs->waitqs[queue->ops->number] = queue;
}

void spool_waitqs_begin(const struct spool_fs *fs, struct spool_request *request)
{
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		struct spool_waitq *queue = fs->waitqs[i];

		if (queue && queue->ops->begin)
			queue->ops->begin(queue, request);
	}
}

struct spool_waitq *spool_waitqs_ask(const struct spool_fs *fs, struct spool_request *request,
				     int error)
{
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N && error < 0; i++) {
		struct spool_waitq *queue = fs->waitqs[i];

		if (queue && queue->ops->wants(queue, request, error))
			return queue;
	}
	return NULL;
}

void spool_waitqs_passed(const struct spool_fs *fs, struct spool_request *request)
{
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		struct spool_waitq *queue = fs->waitqs[i];

		if (queue && queue->ops->passed && queue != request->waitq)
			queue->ops->passed(queue, request);
	}
}

/*
 * The kernel tells of a signal once, on a way of its own. The request may still be in a ring, with
 * its handler, or in a queue that takes no notice, and come to one that does afterwards. So signals
 * are remembered, the last SPOOL_INTERRUPTS of them. A signal is noted before the queues are told,
 * and looked for after a queue has taken its request: either way the queue hears of it. It stays
 * noted, as the request may come to a queue more than once. Numbers of requests are never used
 * twice, so one that nobody looks for does no harm.
 */
static bool was_interrupted(const struct spool_fs *fs, uint64_t unique)
{
	for (unsigned int i = 0; i < SPOOL_INTERRUPTS; i++) {
		if (atomic_load(&fs->interrupts[i]) == unique)
			return true;
	}
	return false;
}

void spool_waitqs_take(struct spool_request *request)
{
	struct spool_waitq *queue = request->waitq;
	uint64_t unique = request->unique;

	queue->ops->take(queue, request);
	if (queue->ops->interrupt && was_interrupted(queue->fs, unique))
		queue->ops->interrupt(queue, unique);
}

void spool_waitqs_interrupt(struct spool_fs *fs, uint64_t unique)
{
	unsigned int at = atomic_fetch_add(&fs->n_interrupts, 1) % SPOOL_INTERRUPTS;

	atomic_store(&fs->interrupts[at], unique);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		struct spool_waitq *queue = fs->waitqs[i];

		if (queue && queue->ops->interrupt)
			queue->ops->interrupt(queue, unique);
	}
}

void spool_waitqs_gather(const struct spool_fs *fs, uint64_t ns)
{
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		struct spool_waitq *queue = fs->waitqs[i];

		if (queue && queue->ops->gather)
			queue->ops->gather(queue, ns);
	}
}
