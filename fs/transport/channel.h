/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between the kernel and libfuse: every request passes through here, whichever way it comes.
 *
 * On the way out, an answer goes to /dev/fuse, or into the room that its request has for it: then
 * whoever has read the request sends it (from a ring's entry, and of FUSE_INIT, see handshake.h).
 *
 * FUSE_STATX, which libfuse does not know, goes to a handler of its own (spool_more_ops()).
 *
 * A handler may run more than once for one request: when its answer says that it has to wait (for
 * RAM, the disk, or what the kernel is to be told), the answer goes nowhere, the request is
 * deferred, and the whole handler runs again later, in another thread. So what it does must have
 * the same effect when it is done twice.
 */

#include <stdbool.h>

#include "transport/request.h"

struct spool_fs;

/**
 * enum spool_try - how a request is tried
 * @SPOOL_TRY_BLOCK: the thread may wait for the disk
 * @SPOOL_TRY_LAST: it is to be answered now, or from now on waits for the disk and for nothing else
 */
enum spool_try {
	SPOOL_TRY = 0,
	SPOOL_TRY_BLOCK = 1 << 0,
	SPOOL_TRY_LAST = 1 << 1,
};

/**
 * spool_channel_process() - hand a parsed request to libfuse, in this thread
 * @how: enum spool_try
 * It is answered, deferred (request->waitq) or done without an answer (FORGET) afterwards. A
 * deferred one is the caller's still: spool_channel_defer() or spool_channel_give_up() follows.
 */
void spool_channel_process(struct spool_fs *fs, struct spool_request *request, unsigned int how);

/** spool_channel_defer() - hand a deferred request to its queue. It is the queue's from here on,
 * and may be gone; its finish() follows. */
void spool_channel_defer(struct spool_request *request);

/** spool_channel_give_up() - a deferred request cannot be handed over (no memory): it is answered,
 * though the thread wait for the disk. */
void spool_channel_give_up(struct spool_fs *fs, struct spool_request *request);

/*
 * For queues, each of which has the requests that it took until it calls one of these: go_on(); or
 * retry(), and then keep() or hand_on().
 */

/** spool_channel_go_on() - the turn of @request has come: it is processed, and answered or
 * deferred anew. It may be gone afterwards. @how: enum spool_try */
void spool_channel_go_on(struct spool_fs *fs, struct spool_request *request, unsigned int how);

/** spool_channel_end() - the same as go_on(), at the end of the queue: it is answered, though the
 * thread wait for the disk. */
void spool_channel_end(struct spool_fs *fs, struct spool_request *request);

/** spool_channel_retry() - the same, but where it goes then is the queue's to say. */
void spool_channel_retry(struct spool_fs *fs, struct spool_request *request, unsigned int how);

/** spool_channel_keep() - it is deferred to the same queue again, which goes on having it. */
void spool_channel_keep(struct spool_request *request);

/** spool_channel_hand_on() - it is given back to where it came from, or to the queue that it waits
 * in. It may be gone afterwards. */
void spool_channel_hand_on(struct spool_request *request);

/**
 * spool_channel_waits() - is the answer @error (-errno) of the request in this thread none yet?
 * For a handler that would answer something else. When it is true the handler must answer @error,
 * which goes nowhere: the request will be tried again. When it is false, @error goes out if the
 * handler answers it. Return: false also without a request.
 */
bool spool_channel_waits(struct spool_fs *fs, int error);

/** spool_channel_current() - the request that this thread is processing, or NULL. */
struct spool_request *spool_channel_current(struct spool_fs *fs);
