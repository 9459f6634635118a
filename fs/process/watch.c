/* SPDX-License-Identifier: MIT */
#include "process/watch.h"

#include "util/macros.h"

/* Return: the running time since the last look, in ms. */
static uint64_t elapsed(const struct spool_watch *watch, const struct spool_watch_look *look)
{
	uint64_t ms = look->now_ms - watch->last_ms;

	if (watch->last_ms == 0 || ms > 2 * watch->limit_ms / SPOOL_WATCH_LOOKS)
		return 0;
	return ms;
}

enum spool_verdict spool_watch_look(struct spool_watch *watch, const struct spool_pulses *pulses,
				    const struct spool_watch_look *look)
{
	unsigned int n = (unsigned int)spool_min_u64(atomic_load(&pulses->n), SPOOL_PULSES);
	uint64_t ms = look->waited_for ? elapsed(watch, look) : 0, longest;
	bool quiet = !look->stopped;

	watch->last_ms = look->now_ms;
	watch->stopped_ms = look->stopped && look->waited_for ? watch->stopped_ms + ms : 0;
	longest = watch->stopped_ms;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t count = atomic_load(&pulses->pulses[i].count);

		if (count != watch->threads[i].count || count % 2)
			quiet = false;
		if (count == watch->threads[i].count && count % 2 && !look->traced)
			watch->threads[i].ms += ms;
		else
			watch->threads[i].ms = 0;
		watch->threads[i].count = count;
		longest = spool_max_u64(longest, watch->threads[i].ms);
	}
	if (look->traced)
		watch->stopped_ms = 0;
	if (!look->traced && look->waited_for && longest >= watch->limit_ms)
		return SPOOL_WATCH_HANGS;
	if (quiet)
		watch->last_ms = 0;
	return quiet ? SPOOL_WATCH_QUIET : SPOOL_WATCH_BUSY;
}
