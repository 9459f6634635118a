/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the thread of a ring gives way to those whom it serves, in the kernel's scheduler.
 *
 * A caller is woken by the answer while the ring's thread still has the CPU of both. The kernel
 * then looks for one that is idle, and there the caller sends its next request to another ring. So
 * caller and requests go to and fro between CPUs, and each wake-up is one of the dear kind: with
 * Linux 6.18 on 2 virtual CPUs 40 us instead of 5 (a life of a 4 KiB file 112 instead of 60). A CPU
 * on which only threads of SCHED_IDLE run is idle for the kernel, and the caller stays. A thread
 * that gives way also lets the caller go on that has sent what it does not wait for.
 *
 * But it gives way to everybody. So it does only while requests come fast, and somebody looks
 * whether it starves: whether there is something for it and it has done nothing from one look to
 * the next. Then it is taken back, and does not give way for a while. Time comes from the caller.
 */

#include <stdbool.h>
#include <stdint.h>

/* From one look to the next. A starving thread is found by the third look at the latest: within one
 * slice of the scheduler or two. Guesses, as all that follow. */
#define SPOOL_WAY_LOOK_NS UINT64_C(2000000)

/* So many requests between two looks are fast: 5,000 a second. */
#define SPOOL_WAY_FAST 10u

/* Looks in a row without that end it. */
#define SPOOL_WAY_SLOW 16u

/* After it has starved. Each time doubles it: at most two looks in 640 are lost to those that need
 * the CPU always. */
#define SPOOL_WAY_PAUSE_MIN_NS UINT64_C(10000000)
#define SPOOL_WAY_PAUSE_MAX_NS UINT64_C(1280000000)
#define SPOOL_WAY_CALM 64u /* fast looks since: the CPU is needed no more */

/** struct spool_way_rule - zero at the start; @taken, @pending: as seen last; @slow: looks in a row
 * that were; @calm: looks that were fast since it gives way; @until_ns: not before then, @pause_ns
 * after it has starved last */
struct spool_way_rule {
	bool gives_way;
	bool pending;
	unsigned int slow, calm;
	uint64_t taken;
	uint64_t until_ns, pause_ns;
};

/** enum spool_way - what is to be done with the thread: nothing; it is to give way; not any more */
enum spool_way { SPOOL_WAY_STAYS, SPOOL_WAY_GIVES, SPOOL_WAY_ENDS };

/**
 * spool_way_look() - the thread has taken @taken requests so far
 * @pending: there is something for it to do
 * Return: what is to be done now.
 */
enum spool_way spool_way_look(struct spool_way_rule *rule, uint64_t taken, bool pending,
			      uint64_t now_ns);

/** spool_way_may_rest() - Return: whether nobody needs to look before requests come fast. */
bool spool_way_may_rest(const struct spool_way_rule *rule);
