/* SPDX-License-Identifier: MIT */
#include "transport/refused.h"

#include <stdio.h>

#include "fs.h"
#include "util/macros.h"

void spool_refused_log(struct spool_fs *fs)
{
	static const char *const names[][SPOOL_RES_N] = {{"user_size", "user_ram", "user_inodes"},
							 {"size", "ram", "nr_inodes"}};
	struct spool_refusal refusal;

	while (spool_engine_next_refusal(fs->engine, &refusal)) {
		char whose[32] = "the mount";

		const char *name = names[refusal.mount][refusal.resource];
		const struct spool_log_field fields[] = {
			{.name = "SPOOLFS_LIMIT", .text = name},
			{.name = "SPOOLFS_LIMIT_VALUE", .number = refusal.limit},
			{.name = "SPOOLFS_USED", .number = refusal.used},
			{.name = "SPOOLFS_WANTED", .number = refusal.amount},
			{.name = "SPOOLFS_UID", .number = refusal.uid},
		};

		if (!refusal.mount)
			snprintf(whose, sizeof(whose), "uid %u", (unsigned int)refusal.uid);
		spool_log_with(fs->log, SPOOL_LOG_INFO, fields,
			       SPOOL_ARRAY_SIZE(fields) - (refusal.mount ? 1 : 0),
			       "limit reached: %s=%llu of %s: %llu used, %llu more wanted", name,
			       (unsigned long long)refusal.limit, whose,
			       (unsigned long long)refusal.used,
			       (unsigned long long)refusal.amount);
	}
}
