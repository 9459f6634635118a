/* SPDX-License-Identifier: MIT */
#include "transport/way_rule.h"

#include "util/macros.h"

static enum spool_way starves(struct spool_way_rule *rule, uint64_t now_ns)
{
	rule->gives_way = false;
	rule->pause_ns = spool_min_u64(spool_max_u64(2 * rule->pause_ns, SPOOL_WAY_PAUSE_MIN_NS),
				       SPOOL_WAY_PAUSE_MAX_NS);
	rule->until_ns = now_ns + rule->pause_ns;
	return SPOOL_WAY_ENDS;
}

enum spool_way spool_way_look(struct spool_way_rule *rule, uint64_t taken, bool pending,
			      uint64_t now_ns)
{
	uint64_t n = taken - rule->taken;
	bool stuck = rule->pending && pending && n == 0;

	rule->taken = taken;
	rule->pending = pending;
	rule->slow = n >= SPOOL_WAY_FAST ? 0 : rule->slow + 1;
	if (!rule->gives_way) {
		if (rule->slow > 0 || now_ns < rule->until_ns)
			return SPOOL_WAY_STAYS;
		rule->gives_way = true;
		rule->calm = 0;
		return SPOOL_WAY_GIVES;
	}
	if (stuck)
		return starves(rule, now_ns);
	if (rule->slow == 0 && ++rule->calm == SPOOL_WAY_CALM)
		rule->pause_ns = 0;
	if (rule->slow < SPOOL_WAY_SLOW)
		return SPOOL_WAY_STAYS;
	rule->gives_way = false;
	return SPOOL_WAY_ENDS;
}

bool spool_way_may_rest(const struct spool_way_rule *rule)
{
	return !rule->gives_way && rule->slow >= SPOOL_WAY_SLOW;
}
