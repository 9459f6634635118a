/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the machine is short of memory, and when it has calmed down. Readings and time come from the
 * caller (fs/background/pressure.c).
 *
 * Stalls alone do not say that the machine is short. The kernel also counts those of a control
 * group that has reached its own limit, so a user who may make one could take other users' RAM. So
 * the RAM that is available decides as well.
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

/** struct spool_pressure_rule - zero at the start; @squeezed: the budget is below ram=; @calm_ms:
 * when the machine will be calm if no event comes before, by CLOCK_MONOTONIC */
struct spool_pressure_rule {
	bool squeezed;
	uint64_t calm_ms;
};

enum spool_pressure_action {
	SPOOL_PRESSURE_NOTHING,
	SPOOL_PRESSURE_SQUEEZE,
	SPOOL_PRESSURE_RELAX,
};

/** spool_pressure_is_short() - Return: whether the machine is short of memory by @reading. */
bool spool_pressure_is_short(const struct spool_pressure_reading *reading);

/** spool_pressure_decide() - Return: what is to be done. The caller clears @rule->squeezed when the
 * budget is whole again. */
enum spool_pressure_action spool_pressure_decide(struct spool_pressure_rule *rule,
						 const struct spool_pressure_reading *reading,
						 uint64_t now_ms);

/** spool_pressure_wait_ms() - Return: after how many ms something is to be done if no event comes
 * before, as poll(2) takes it; -1: never. */
int spool_pressure_wait_ms(const struct spool_pressure_rule *rule, uint64_t now_ms);

/**
 * spool_pressure_parse() - reads @available and @total out of the text of /proc/meminfo
 * Return: 0; -EINVAL one of them is not in it, and @ret is unchanged.
 */
int spool_pressure_parse(const char *text, struct spool_pressure_reading *ret);
