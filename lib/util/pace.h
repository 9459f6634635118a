/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Work that nobody waits for is done a little at a time, with rests between.
 *
 * A low priority alone keeps it out of nobody's way. Where processes are in groups (autogroup,
 * sched(7); cgroups) the kernel compares groups, and a thread that has begun to run goes on for
 * some milliseconds, whoever has been woken meanwhile; sched_yield(2) gives way within its own
 * group only. A thread that sleeps lets everybody go first.
 *
 * Whoever takes a rest on a busy machine gets the CPU back late, so he may go on for as long as he
 * had to wait, within limits: the work does not starve, and nobody is kept from the CPU for long.
 */

#include <stdint.h>

/** struct spool_pace_clock - @cpu_ns: what the calling thread has had of the CPUs; @now_ns: the
 * time; both from whenever. @sleep: sleeps for @ns at least. @ctx: for all three */
struct spool_pace_clock {
	uint64_t (*cpu_ns)(void *ctx);
	uint64_t (*now_ns)(void *ctx);
	void (*sleep)(void *ctx, uint64_t ns);
	void *ctx;
};

/** struct spool_pace - of one thread. @since_ns: of the CPUs, when the last rest ended; @work_ns:
 * how much until the next one */
struct spool_pace {
	const struct spool_pace_clock *clock;
	uint64_t since_ns, work_ns;
};

/** spool_pace_begin() - the calling thread begins to work, rested. @clock: borrowed; NULL: the
 * machine's. */
void spool_pace_begin(struct spool_pace *pace, const struct spool_pace_clock *clock);

/** spool_pace_rest() - between two pieces of the work: sleeps for a moment if there has been enough
 * of it since the last rest. No lock may be held. */
void spool_pace_rest(struct spool_pace *pace);
