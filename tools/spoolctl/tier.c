/* SPDX-License-Identifier: MIT */
#include "spoolctl/tier.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/json.h"
#include "ctl/client.h"
#include "util/parse.h"

/* The daemon answers with the last figures of the disk, and asks the disk for new ones meanwhile.
 * We ask again so often, at this interval, until they are new. A disk that works has answered by
 * the second time, and we do not wait for one that hangs. Both are guesses. */
#define ASK_TRIES 10
#define ASK_AGAIN_NS 20000000

int tier_ask(int fd, struct spool_ctl_tier *ret)
{
	const struct timespec wait = {.tv_nsec = ASK_AGAIN_NS};
	int r;

	for (int i = 0; i < ASK_TRIES; i++) {
		if (i > 0)
			nanosleep(&wait, NULL);
		*ret = (struct spool_ctl_tier){.version = SPOOL_CTL_VERSION};
		r = spool_ctl_call(fd, SPOOL_IOC_TIER, ret);
		if (r < 0)
			return r == -ENOTTY ? 0 : r; /* a daemon that knows no disk yet */
		if (ret->backing_age_ms <= SPOOL_CTL_FRESH_MS)
			break;
	}
	return 0;
}

void tier_json(struct json *json, const struct spool_ctl_tier *tier)
{
	json_open(json, "tier", '{');
	json_bool(json, "on", tier->flags & SPOOL_CTL_TIER_ON);
	json_string(json, "backing", tier->backing);
	json_string(json, "why_not", tier->why);
	json_bool(json, "encrypted", tier->flags & SPOOL_CTL_TIER_ENCRYPT);
	json_bool(json, "keys_locked", tier->flags & SPOOL_CTL_TIER_LOCKED);
	json_bool(json, "failing", tier->flags & SPOOL_CTL_TIER_FAILING);
	json_bool(json, "o_tmpfile", tier->flags & SPOOL_CTL_TIER_TMPFILE);
	json_bool(json, "direct_io", tier->flags & SPOOL_CTL_TIER_DIRECT);
	json_bool(json, "punch", tier->flags & SPOOL_CTL_TIER_PUNCH);
	json_limit(json, "threshold", tier->threshold);
	json_number(json, "reserve", tier->reserve);
	json_bool(json, "pressure", tier->flags & SPOOL_CTL_TIER_PRESSURE);
	json_number(json, "ram_budget", tier->budget);
	json_number(json, "backing_free", tier->backing_free);
	json_number(json, "backing_total", tier->backing_total);
	json_number(json, "backing_age_ms", tier->backing_age_ms);
	json_number(json, "disk_used", tier->stored);
	json_number(json, "disk_written", tier->written);
	json_number(json, "disk_read", tier->fetched);
	json_number(json, "disk_failures", tier->n_failed);
	json_number(json, "disk_bad_pieces", tier->n_bad);
	json_number(json, "disk_files", tier->files);
	json_number(json, "waiting_for_ram", tier->waiting);
	json_close(json, '}');
}

void tier_print(const struct spool_ctl_tier *tier, bool admin)
{
	char threshold[16], stored[16], written[16], fetched[16], free_now[16], reserve[16];

	if (!(tier->flags & SPOOL_CTL_TIER_ON)) {
		printf("  %-12s RAM only%s%s\n", "tiers", *tier->why ? ": /var/tmp " : "",
		       tier->why);
		return;
	}
	spool_format_bytes(tier->threshold, threshold);
	if (tier->threshold == SPOOL_CTL_NO_LIMIT)
		printf("  %-12s RAM, then the disk for want of RAM\n", "tiers");
	else
		printf("  %-12s RAM, then the disk for files above %s\n", "tiers", threshold);
	printf("  %-12s %s\n", "pressure",
	       tier->flags & SPOOL_CTL_TIER_PRESSURE ? "less RAM while the machine is short of it"
						     : "is not watched");
	if (!admin)
		return;
	spool_format_bytes(tier->stored, stored);
	spool_format_bytes(tier->written, written);
	spool_format_bytes(tier->fetched, fetched);
	spool_format_bytes(tier->backing_free, free_now);
	spool_format_bytes(tier->reserve, reserve);
	printf("  %-12s %s: %s free, %s of it stay free\n", "backing", tier->backing, free_now,
	       reserve);
	if (tier->backing_age_ms > SPOOL_CTL_FRESH_MS)
		printf("  %-12s that was %" PRIu64 " s ago: the disk does not answer\n", "",
		       tier->backing_age_ms / 1000);
	printf("  %-12s %8s used; %s written and %s read since the start\n", "on disk", stored,
	       written, fetched);
	if (tier->n_failed || (tier->flags & SPOOL_CTL_TIER_FAILING))
		printf("  %-12s %8" PRIu64 " times it did not take data%s\n", "disk errors",
		       tier->n_failed,
		       tier->flags & SPOOL_CTL_TIER_FAILING ? ", nor does it now" : "");
	if (tier->n_bad)
		printf("  %-12s %8" PRIu64 " pieces were not what was written: EIO\n", "bad data",
		       tier->n_bad);
	if (tier->waiting)
		printf("  %-12s %8" PRIu32 " requests wait for RAM\n", "waiting", tier->waiting);
}

void tier_print_protection(const struct spool_ctl_tier *tier)
{
	const char *text = "nothing is written to one, so nothing is encrypted";

	if (tier->flags & SPOOL_CTL_TIER_ENCRYPT)
		text = tier->flags & SPOOL_CTL_TIER_LOCKED
			       ? "encrypted (AES-256-GCM), keys locked in RAM"
			       : "encrypted (AES-256-GCM); the keys may swap (RLIMIT_MEMLOCK)";
	else if (tier->flags & SPOOL_CTL_TIER_ON)
		text = "not encrypted: what was written stays on the disk, in free space";
	printf("  %-12s %s\n", "disk", text);
}
