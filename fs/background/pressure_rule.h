/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the machine is short of memory, and when it has calmed down. Readings and time come from the
 * caller (fs/background/pressure.c).
 *
 * Stalls alone do not say that the machine is short: the kernel counts those of a control group
 * that has reached its own limit as well, so that anybody who may make one could take other users'
 * RAM. What is available decides with them.
 */

#include <stdbool.h>
#include <stdint.h>

/**
 * struct spool_pressure_reading - what is known of the machine
 * @some: some tasks have waited for memory (psi(7)) since the last reading; @full: all have
 * @available, @total: MemAvailable and MemTotal of /proc/meminfo, in bytes; @total 0: not known
 */
struct spool_pressure_reading {
	bool some, full;
	uint64_t available, total;
};

/** struct spool_pressure_rule - zero at the start; @squeezed: less RAM than ram= is in force;
 * @calm_ms: when it is calm if nothing comes before; CLOCK_MONOTONIC */
struct spool_pressure_rule {
	bool squeezed;
	uint64_t calm_ms;
};

enum spool_pressure_action {
	SPOOL_PRESSURE_NOTHING,
	SPOOL_PRESSURE_SQUEEZE,
	SPOOL_PRESSURE_RELAX,
};

/** spool_pressure_is_short() - whether @reading says that the machine is short of memory. */
bool spool_pressure_is_short(const struct spool_pressure_reading *reading);

/** spool_pressure_decide() - what is to be done; the caller clears @rule->squeezed when there is
 * nothing left to relax. */
enum spool_pressure_action spool_pressure_decide(struct spool_pressure_rule *rule,
						 const struct spool_pressure_reading *reading,
						 uint64_t now_ms);

/** spool_pressure_wait_ms() - how long nothing is to be done without another event; for poll(2):
 * -1 for ever. */
int spool_pressure_wait_ms(const struct spool_pressure_rule *rule, uint64_t now_ms);

/**
 * spool_pressure_parse() - reads @available and @total out of the text of /proc/meminfo
 * Return: 0; -EINVAL one of them is not in it, and @ret is unchanged.
 */
int spool_pressure_parse(const char *text, struct spool_pressure_reading *ret);
