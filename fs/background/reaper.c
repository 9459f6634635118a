/* SPDX-License-Identifier: MIT */
#include "background/reaper.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "host/clock.h"
#include "host/loop.h"
#include "util/pace.h"
#include "wait/removals.h"

/* Names that are removed in one go, which takes some 0.1 ms. A guess. */
#define BATCH 64u

/* What could not be handed to the threads that tell the kernel is tried again after this. A guess.
 */
#define AGAIN_NS UINT64_C(1000000000)

#define NS_PER_MS UINT64_C(1000000)

struct spool_reaper {
	struct spool_engine *engine;
	struct spool_removals *removals;
	struct spool_loop loop;
	struct spool_removed removed[BATCH]; /* of the thread */
};

/* Return: whether there is more to do at once. *@ret_until: until when there is not. */
static bool reap(struct spool_reaper *reaper, uint64_t *ret_until)
{
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN}; /* but who pays for it */
	uint64_t later_ms = 0;
	enum spool_reap what;
	size_t n = 0;

	what = spool_engine_reap(reaper->engine, reaper->removed, BATCH, &n, &later_ms);
	for (size_t i = 0; i < n; i++) {
		const struct spool_removed *removed = &reaper->removed[i];
		const struct spool_removal removal = {.parent = removed->parent,
						      .child = removed->ino,
						      .untold = removed->untold,
						      .name = removed->name,
						      .len = removed->len};
		/* without a name: an open file that was wiped */
		uint64_t whose = removed->len > 0 ? removed->parent : removed->ino;
		uid_t payer = spool_engine_payer(reaper->engine, &nobody, whose);

		if (!spool_removals_add(reaper->removals, payer, &removal))
			spool_engine_told(reaper->engine, &removal.untold);
	}
	*ret_until = SPOOL_FOREVER;
	if (what == SPOOL_REAP_LATER)
		*ret_until = spool_clock_ns() + later_ms * NS_PER_MS;
	if (!spool_removals_post(reaper->removals) && *ret_until > spool_clock_ns() + AGAIN_NS)
		*ret_until = spool_clock_ns() + AGAIN_NS;
	return what == SPOOL_REAP_MORE;
}

static bool is_stopped(struct spool_reaper *reaper)
{
	bool stop;

	spool_loop_lock(&reaper->loop);
	stop = reaper->loop.stop;
	spool_loop_unlock(&reaper->loop);
	return stop;
}

static void *reaper_main(void *arg)
{
	struct spool_reaper *reaper = arg;
	uint64_t seen = 0, until = SPOOL_FOREVER;
	struct spool_pace pace;

	spool_pace_begin(&pace, NULL);
	while (spool_loop_sleep(&reaper->loop, &seen, until)) {
		/* those who wait for a CPU or a directory's lock go first */
		while (reap(reaper, &until) && !is_stopped(reaper))
			spool_pace_rest(&pace);
	}
	return NULL;
}

void spool_reaper_kick(struct spool_reaper *reaper)
{
	if (reaper)
		spool_loop_wake(&reaper->loop);
}

int spool_reaper_new(struct spool_engine *engine, struct spool_removals *removals,
		     struct spool_reaper **ret)
{
	struct spool_reaper *reaper = calloc(1, sizeof(*reaper));
	int r;

	if (!reaper)
		return -ENOMEM;
	reaper->engine = engine;
	reaper->removals = removals;
	spool_loop_init(&reaper->loop);
	r = spool_loop_start(&reaper->loop, "spoolfs-reaper", reaper_main, reaper);
	if (r < 0) {
		spool_reaper_free(reaper);
		return r;
	}
	*ret = reaper;
	return 0;
}

void spool_reaper_stop(struct spool_reaper *reaper)
{
	if (reaper)
		spool_loop_stop(&reaper->loop);
}

void spool_reaper_free(struct spool_reaper *reaper)
{
	if (!reaper)
		return;
	spool_loop_fini(&reaper->loop);
	free(reaper);
}
