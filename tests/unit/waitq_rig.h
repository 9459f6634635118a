/* SPDX-License-Identifier: MIT */
#pragma once

/* One request at a time, a handler that does as it is told, and a queue for -EAGAIN. */

#include "channel_rig.h"
#include "transport/request.h"
#include "transport/waitq.h"
#include "transport/wire.h"

#define WAITQ_RIG_UNIQUE 4711u /* of the request */

/** A request with room for its answer, as those of a ring have. */
struct test_request {
	struct spool_request request;
	struct {
		struct fuse_in_header header;
		char name[8];
	} wire;
	struct fuse_out_header answer;
};

struct waitq_rig {
	struct engine_rig engine;
	struct spool_fs fs;
	struct spool_waitq queue;
	struct test_request one;
	int answers[4];       /* what the handler answers, try by try: 0 or -errno */
	bool asks;            /* it asks before whether that is an answer */
	bool tells;           /* it has the kernel told when it is done */
	bool silent;          /* it answers nothing */
	bool has_signal;      /* its caller gets one while it runs */
	bool is_watched;      /* its thread may not wait, when it ran last */
	uint64_t interrupted; /* of whom the queue was told when it had him */
	unsigned int n_tries, n_taken, n_finished;
	unsigned int n_wants, wants_from; /* the queue wants it from the time on that it is shown */
};

/** waitq_rig_init() - nothing has been asked of anybody. */
void waitq_rig_init(struct waitq_rig *rig);

void waitq_rig_fini(struct waitq_rig *rig);

/** waitq_rig_make() - the request, new: it is in hand. */
struct spool_request *waitq_rig_make(struct waitq_rig *rig);

/** waitq_rig_signal() - the caller of request @unique gets a signal. */
void waitq_rig_signal(struct waitq_rig *rig, uint64_t unique);
