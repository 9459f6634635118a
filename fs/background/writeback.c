/* SPDX-License-Identifier: MIT */
#include "background/writeback.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "host/clock.h"
#include "host/loop.h"

/* One thread seals while the data of the other are written. A guess. */
#define THREADS 2u

/* The engine is asked again after this when it has only data that were written to a file just now,
 * and when the disk does not take data. A guess. */
#define AGAIN_NS UINT64_C(1000000000)

struct writeback_thread {
	struct spool_writeback *writeback;
	struct spool_batch *batch;
};

struct spool_writeback {
	struct spool_engine *engine;
	struct spool_loop loop;
	uint64_t n_hurries; /* lock of the loop */
	unsigned int n_batches;
	struct writeback_thread threads[THREADS];
};

/* Return: false: the thread is to end. */
static bool goes_on(struct spool_writeback *writeback, uint64_t *ret_hurries)
{
	bool stop;

	spool_loop_lock(&writeback->loop);
	*ret_hurries = writeback->n_hurries;
	stop = writeback->loop.stop;
	spool_loop_unlock(&writeback->loop);
	return !stop;
}

/* A disk that fails is not asked again before its time, however often this thread is woken, unless
 * somebody has hurried it since there were @hurries. */
static void wait_out(struct spool_writeback *writeback, uint64_t hurries)
{
	uint64_t until = spool_clock_ns() + AGAIN_NS;

	spool_loop_lock(&writeback->loop);
	while (!writeback->loop.stop && writeback->n_hurries == hurries &&
	       spool_loop_wait_locked(&writeback->loop, until))
		;
	spool_loop_unlock(&writeback->loop);
}

static void *writeback_main(void *arg)
{
	struct writeback_thread *self = arg;
	struct spool_writeback *writeback = self->writeback;
	uint64_t seen = 0, hurries;

	while (goes_on(writeback, &hurries)) {
		int r = spool_engine_spill(writeback->engine, self->batch);

		if (r < 0)
			wait_out(writeback, hurries);
		else if (r == SPOOL_SPILL_LATER)
			spool_loop_sleep(&writeback->loop, &seen, spool_clock_ns() + AGAIN_NS);
		else if (r != SPOOL_SPILL_MORE)
			spool_loop_sleep(&writeback->loop, &seen, SPOOL_FOREVER);
	}
	return NULL;
}

void spool_writeback_wake(struct spool_writeback *writeback)
{
	if (writeback)
		spool_loop_wake(&writeback->loop);
}

void spool_writeback_hurry(struct spool_writeback *writeback)
{
	if (!writeback)
		return;
	spool_loop_lock(&writeback->loop);
	writeback->n_hurries++;
	spool_loop_wake_all_locked(&writeback->loop);
	spool_loop_unlock(&writeback->loop);
}

int spool_writeback_new(struct spool_engine *engine, struct spool_writeback **ret)
{
	struct spool_writeback *writeback = calloc(1, sizeof(*writeback));
	int r = 0;

	assert(engine);
	if (!writeback)
		return -ENOMEM;
	writeback->engine = engine;
	spool_loop_init(&writeback->loop);
	while (writeback->n_batches < THREADS && r == 0) {
		struct writeback_thread *thread = &writeback->threads[writeback->n_batches];

		thread->writeback = writeback;
		r = spool_engine_new_batch(engine, &thread->batch);
		if (r < 0)
			break;
		writeback->n_batches++;
		r = spool_loop_start(&writeback->loop, "spoolfs-spill", writeback_main, thread);
	}
	if (r < 0) {
		spool_writeback_free(writeback);
		return r;
	}
	*ret = writeback;
	return 0;
}

void spool_writeback_free(struct spool_writeback *writeback)
{
	if (!writeback)
		return;
	spool_loop_stop(&writeback->loop);
	for (unsigned int i = 0; i < writeback->n_batches; i++)
		spool_engine_free_batch(writeback->threads[i].batch);
	spool_loop_fini(&writeback->loop);
	free(writeback);
}
