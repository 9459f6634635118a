/* SPDX-License-Identifier: MIT */
#include "background/pressure_rule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The machine is short when at most so many percent of its RAM are available: the first while some
 * tasks wait for memory, the second while all do. When all do, much of the RAM that counts as
 * available may be page cache that is read again and again. Guesses: when the kernel begins to
 * reclaim pages that are in use an eighth or less is left; and with half of the RAM available only
 * the tasks of a control group wait. */
#define SOME_PERCENT 15u
#define FULL_PERCENT 50u

/* The machine is calm when no event has come for this long. A guess. */
#define CALM_MS 10000u

bool spool_pressure_is_short(const struct spool_pressure_reading *reading)
{
	uint64_t percent = reading->total / 100;

	if (reading->total == 0)
		return reading->full;
	if (reading->full && reading->available <= percent * FULL_PERCENT)
		return true;
	return (reading->some || reading->full) && reading->available <= percent * SOME_PERCENT;
}

enum spool_pressure_action spool_pressure_decide(struct spool_pressure_rule *rule,
						 const struct spool_pressure_reading *reading,
						 uint64_t now_ms)
{
	if (spool_pressure_is_short(reading)) {
		rule->squeezed = true;
		rule->calm_ms = now_ms + CALM_MS;
		return SPOOL_PRESSURE_SQUEEZE;
	}
	if (!rule->squeezed || now_ms < rule->calm_ms)
		return SPOOL_PRESSURE_NOTHING;
	rule->calm_ms = now_ms + CALM_MS;
	return SPOOL_PRESSURE_RELAX;
}

int spool_pressure_wait_ms(const struct spool_pressure_rule *rule, uint64_t now_ms)
{
	if (!rule->squeezed)
		return -1;
	return rule->calm_ms > now_ms ? (int)(rule->calm_ms - now_ms) : 0;
}

/* The value of the line that begins with @name, in bytes. Return: false when there is none. */
static bool find(const char *text, const char *name, uint64_t *ret)
{
	size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned long long kib;

		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && sscanf(line + len, ": %llu kB", &kib) == 1) {
			*ret = (uint64_t)kib << 10;
			return true;
		}
	}
	return false;
}

int spool_pressure_parse(const char *text, struct spool_pressure_reading *ret)
{
	uint64_t available = 0, total = 0;

	if (!find(text, "MemAvailable", &available) || !find(text, "MemTotal", &total))
		return -EINVAL;
	ret->available = available;
	ret->total = total;
	return 0;
}
