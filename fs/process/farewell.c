/* SPDX-License-Identifier: MIT */
#include "process/farewell.h"

#include "fs.h"
#include "host/clock.h"
#include "host/connection.h"
#include "util/macros.h"
#include "wait/notify.h"

/* For room among what is to be told of one payer: who holds the kernel up is passed over soon. A
 * guess. */
#define ROOM_MS 50u

static void drop_pages(struct spool_fs *fs, uint64_t until_ms)
{
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN}; /* but who pays for the file */
	struct spool_engine_pos pos = {0};
	uint64_t inos[256];
	size_t n;

	while (spool_connection_lives(fuse_session_fd(fs->session)) &&
	       spool_clock_ms() < until_ms &&
	       (n = spool_engine_list_known(fs->engine, &pos, inos, SPOOL_ARRAY_SIZE(inos))) > 0) {
		for (size_t i = 0; i < n; i++) {
			uid_t payer = spool_engine_payer(fs->engine, &nobody, inos[i]);

			spool_notify_drop(fs->notify, inos[i], payer, ROOM_MS);
		}
	}
}

void spool_farewell(struct spool_fs *fs)
{
	uint64_t until_ms = spool_clock_ms() + SPOOL_FAREWELL_MS;

	atomic_store(&fs->refuses, true);
	drop_pages(fs, until_ms);
	spool_notify_drain(fs->notify, SPOOL_FAREWELL_STILL_MS, until_ms);
}
