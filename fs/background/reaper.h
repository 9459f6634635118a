/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What goes by itself, as its session has ended or nobody has it open any more: one thread removes
 * it, a few names at a time, and has the kernel told (wait/removals.h). It sleeps while nothing is
 * to go.
 */

#include <stdbool.h>

struct spool_engine;
struct spool_reaper;
struct spool_removals;

/** spool_reaper_new() - starts the thread. Return: 0; -ENOMEM; -EAGAIN no thread can be had. */
int spool_reaper_new(struct spool_engine *engine, struct spool_removals *removals,
		     struct spool_reaper **ret);

/** spool_reaper_kick() - there is something to remove, or earlier than was said. NULL is allowed.
 * Any locks of the engine. */
void spool_reaper_kick(struct spool_reaper *reaper);

/** spool_reaper_stop() - ends the thread, whatever is still to go. NULL is allowed. */
void spool_reaper_stop(struct spool_reaper *reaper);

/** spool_reaper_free() - after the stop, when nobody kicks any more. NULL is allowed. */
void spool_reaper_free(struct spool_reaper *reaper);
