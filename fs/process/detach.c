/* SPDX-License-Identifier: MIT */
#include "process/detach.h"

#include "util/macros.h"

#define MS_PER_S 1000u

/* No end is before it could be told that it begins. */
static uint64_t end_ms(const struct spool_detach *detach, uint32_t grace)
{
	uint64_t ms = (uint64_t)grace * MS_PER_S;

	if (grace == SPOOL_DETACH_NEVER)
		return UINT64_MAX;
	return detach->since_ms + spool_max_u64(ms, SPOOL_DETACH_SETTLE_MS);
}

static enum spool_detach_event attach(struct spool_detach *detach)
{
	bool told = detach->told;

	*detach = (struct spool_detach){.detached = false};
	return told ? SPOOL_DETACH_CANCEL : SPOOL_DETACH_NOTHING;
}

enum spool_detach_event spool_detach_look(struct spool_detach *detach, enum spool_mounted mounted,
					  uint32_t grace, uint64_t now_ms)
{
	if (mounted == SPOOL_MOUNTED_UNKNOWN)
		return SPOOL_DETACH_NOTHING;
	if (mounted == SPOOL_MOUNTED_YES)
		return attach(detach);
	if (!detach->detached)
		*detach = (struct spool_detach){.detached = true, .since_ms = now_ms};
	if (now_ms < detach->since_ms + SPOOL_DETACH_SETTLE_MS)
		return SPOOL_DETACH_NOTHING;
	if (!detach->told || detach->grace != grace) {
		bool told = detach->told;

		detach->told = true;
		detach->grace = grace;
		return told ? SPOOL_DETACH_CHANGED : SPOOL_DETACH_BEGINS;
	}
	return now_ms >= end_ms(detach, grace) ? SPOOL_DETACH_ENDS : SPOOL_DETACH_NOTHING;
}

uint64_t spool_detach_next(const struct spool_detach *detach, uint32_t grace)
{
	if (!detach->detached)
		return UINT64_MAX;
	if (!detach->told || detach->grace != grace)
		return detach->since_ms + SPOOL_DETACH_SETTLE_MS;
	return end_ms(detach, grace);
}
