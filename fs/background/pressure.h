/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory pressure of the machine, from the kernel's pressure stall information (psi(7), PSI).
 *
 * The kernel wakes a thread of ours when tasks have waited for memory for STALL_US of WINDOW_US.
 * Each time that the machine itself is short (pressure_rule.h) the RAM budget of the mount shrinks.
 * After a calm while it grows again, step by step. The thread sleeps while the machine is calm and
 * the budget is whole.
 */

#include <stdbool.h>

#include "options/options.h"

struct spool_engine;
struct spool_log;
struct spool_pressure;

/**
 * spool_pressure_new() - prepare to watch: before Linux 6.5 that needs CAP_SYS_RESOURCE
 * @option: pressure=; the live mount may turn it on and off later in any case
 * Return: 0; 0 with *@ret NULL: it cannot be had, and @option is not SPOOL_PRESSURE_ON; -errno: it
 * is, but the kernel has no PSI, or does not let us.
 */
int spool_pressure_new(struct spool_engine *engine, struct spool_log *log,
		       enum spool_pressure_option option, struct spool_pressure **ret);

/** spool_pressure_start() - begin to watch, with a thread. NULL is allowed. Return: 0; -errno. */
int spool_pressure_start(struct spool_pressure *pressure);

/** spool_pressure_stop() - end the thread; the other functions may still be called. NULL is
 * allowed. */
void spool_pressure_stop(struct spool_pressure *pressure);

/** spool_pressure_free() - after the stop, when no request is served any more. NULL is allowed. */
void spool_pressure_free(struct spool_pressure *pressure);

/** spool_pressure_is_on() - Return: whether the budget shrinks under pressure; NULL: false. */
bool spool_pressure_is_on(const struct spool_pressure *pressure);

/** spool_pressure_set() - pressure=on or off on the live mount. Return: 0; -EOPNOTSUPP no PSI. */
int spool_pressure_set(struct spool_pressure *pressure, bool on);
