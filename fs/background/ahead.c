/* SPDX-License-Identifier: MIT */
#include "background/ahead.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "host/clock.h"
#include "host/loop.h"

/* Each reads 256 KiB at a time: four keep a disk busy, see SPOOL_AHEAD_BLOCKS. */
#define THREADS 4u

/* Memory is given back when nothing was read ahead for a second; this looks then. */
#define AGAIN_NS UINT64_C(1100000000)

struct spool_ahead_threads {
	struct spool_engine *engine;
	struct spool_loop loop;
	unsigned int n_idle;   /* lock of the loop, as the following */
	unsigned int n_wanted; /* runs that were told of, and that no thread has begun with */
};

static void *ahead_main(void *arg)
{
	struct spool_ahead_threads *ahead = arg;
	uint64_t until = SPOOL_FOREVER;
	int r;

	spool_loop_lock(&ahead->loop);
	while (!ahead->loop.stop) {
		if (ahead->n_wanted == 0) {
			ahead->n_idle++;
			r = spool_loop_wait_locked(&ahead->loop, until);
			ahead->n_idle--;
			if (r && ahead->n_wanted == 0)
				continue;
		}
		ahead->n_wanted -= ahead->n_wanted > 0;
		spool_loop_unlock(&ahead->loop);
		r = spool_engine_read_ahead(ahead->engine);
		spool_loop_lock(&ahead->loop);
		until = r == SPOOL_SPILL_IDLE ? SPOOL_FOREVER : spool_clock_ns() + AGAIN_NS;
	}
	spool_loop_unlock(&ahead->loop);
	return NULL;
}

void spool_ahead_threads_wake(struct spool_ahead_threads *ahead)
{
	if (!ahead)
		return;
	spool_loop_lock(&ahead->loop);
	ahead->n_wanted++;
	if (ahead->n_idle > 0)
		spool_loop_wake_locked(&ahead->loop);
	else if (ahead->loop.n_threads < THREADS)
		/* without a thread the reader reads it */
		(void)spool_loop_start_locked(&ahead->loop, "spoolfs-ahead", ahead_main, ahead);
	spool_loop_unlock(&ahead->loop);
}

int spool_ahead_threads_new(struct spool_engine *engine, struct spool_ahead_threads **ret)
{
	struct spool_ahead_threads *ahead = calloc(1, sizeof(*ahead));

	assert(engine);
	if (!ahead)
		return -ENOMEM;
	ahead->engine = engine;
	spool_loop_init(&ahead->loop);
	*ret = ahead;
	return 0;
}

void spool_ahead_threads_free(struct spool_ahead_threads *ahead)
{
	if (!ahead)
		return;
	spool_loop_stop(&ahead->loop);
	spool_loop_fini(&ahead->loop);
	free(ahead);
}
