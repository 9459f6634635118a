/* SPDX-License-Identifier: MIT */
#include "transport/refused.h"

#include <stdio.h>

#include "fs.h"

void spool_refused_log(struct spool_fs *fs)
{
	static const char *const names[][SPOOL_RES_N] = {{"user_size", "user_ram", "user_inodes"},
							 {"size", "ram", "nr_inodes"}};
	struct spool_refusal refusal;

	while (spool_engine_next_refusal(fs->engine, &refusal)) {
		char whose[32] = "the mount";

		if (!refusal.mount)
			snprintf(whose, sizeof(whose), "uid %u", (unsigned int)refusal.uid);
		spool_log(fs->log, SPOOL_LOG_INFO,
			  "limit reached: %s=%llu of %s: %llu used, %llu more wanted",
			  names[refusal.mount][refusal.resource], (unsigned long long)refusal.limit,
			  whose, (unsigned long long)refusal.used,
			  (unsigned long long)refusal.amount);
	}
}
