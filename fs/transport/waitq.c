/* SPDX-License-Identifier: MIT */
#include "transport/waitq.h"

#include <stddef.h>

#include "fs.h"
#include "transport/request.h"

void spool_waitqs_add(struct spool_fs *fs, struct spool_waitq *queue)
{
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

void spool_waitqs_interrupt(const struct spool_fs *fs, uint64_t unique)
{
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
