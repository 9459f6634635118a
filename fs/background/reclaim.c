/* SPDX-License-Identifier: MIT */
#include "background/reclaim.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "wait/notify.h"
#include "host/clock.h"
#include "host/loop.h"
#include "util/macros.h"

/* Memory of removed files goes back to the system after one to two rounds in which no other file
 * has used it. A guess: a compiler or a sort makes its next temporary file sooner. */
#define ROUND_NS (5 * UINT64_C(1000000000))

/* One round of so many is for the page cache. The pages of a file are dropped in the second of
 * these after its close, which is after 20 to 40 s. So a minute after their last use no data are
 * held twice, and a file that is read again soon still has its pages. A guess. */
#define CACHE_ROUNDS 4u

/* For the kernel to take some of what waits. A guess. */
#define DROP_WAIT_MS 1000u

struct spool_reclaim {
	struct spool_engine *engine;
	struct spool_notify *notify;
	struct spool_loop loop;
	atomic_bool wanted; /* something was closed since the round began */
};

/* Waits until there is work, unless there is @more already, and then until the round is over.
 * Return: false: the thread is to end. */
static bool wait_round(struct spool_reclaim *reclaim, bool more)
{
	struct spool_loop *loop = &reclaim->loop;
	uint64_t until;
	bool stop;

	spool_loop_lock(loop);
	while (!loop->stop && !more && !atomic_load(&reclaim->wanted))
		spool_loop_wait_locked(loop, SPOOL_FOREVER);
	until = spool_clock_ns() + ROUND_NS;
	while (!loop->stop && spool_loop_wait_locked(loop, until))
		;
	atomic_store(&reclaim->wanted, false);
	stop = loop->stop;
	spool_loop_unlock(loop);
	return !stop;
}

static void drop_pages(struct spool_reclaim *reclaim)
{
	struct spool_engine *engine = reclaim->engine;
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN};
	uint64_t inos[256];
	size_t n;

	while ((n = spool_engine_take_closed(engine, inos, SPOOL_ARRAY_SIZE(inos))) > 0) {
		/* if the kernel is not told now, it is after the next close */
		for (size_t i = 0; i < n; i++) {
			uid_t payer = spool_engine_payer(engine, &nobody, inos[i]);

			spool_notify_drop(reclaim->notify, inos[i], SPOOL_TELL_PAGES, payer,
					  DROP_WAIT_MS);
		}
	}
}

static void *reclaim_main(void *arg)
{
	struct spool_reclaim *reclaim = arg;
	bool pages = false, memory = false;

	for (unsigned int round = 1; wait_round(reclaim, pages || memory); round++) {
		if (round % CACHE_ROUNDS == 0) {
			drop_pages(reclaim);
			pages = spool_engine_next_round(reclaim->engine);
		} else {
			pages = true; /* there is more to do in a round for the page cache */
		}
		memory = spool_engine_trim(reclaim->engine);
		malloc_trim(0);
	}
	return NULL;
}

void spool_reclaim_kick(struct spool_reclaim *reclaim)
{
	if (reclaim && !atomic_exchange(&reclaim->wanted, true))
		spool_loop_wake(&reclaim->loop);
}

int spool_reclaim_new(struct spool_engine *engine, struct spool_notify *notify,
		      struct spool_reclaim **ret)
{
	struct spool_reclaim *reclaim = calloc(1, sizeof(*reclaim));
	int r;

	assert(engine && notify);
	if (!reclaim)
		return -ENOMEM;
	reclaim->engine = engine;
	reclaim->notify = notify;
	spool_loop_init(&reclaim->loop);
	r = spool_loop_start(&reclaim->loop, "spoolfs-reclaim", reclaim_main, reclaim);
	if (r < 0) {
		spool_reclaim_free(reclaim);
		return r;
	}
	*ret = reclaim;
	return 0;
}

void spool_reclaim_stop(struct spool_reclaim *reclaim)
{
	if (reclaim)
		spool_loop_stop(&reclaim->loop);
}

void spool_reclaim_free(struct spool_reclaim *reclaim)
{
	if (!reclaim)
		return;
	spool_loop_fini(&reclaim->loop);
	free(reclaim);
}
