/* SPDX-License-Identifier: MIT */
#include "process/farewell.h"

#include "fs.h"
#include "host/clock.h"
#include "host/connection.h"
#include "host/shared.h"
#include "util/macros.h"
#include "wait/notify.h"

/* For room among what is to be told of one payer: who holds the kernel up is passed over soon. A
 * guess. */
#define ROOM_MS 50u

/* @open_only: of what somebody has open; mapped is open, too. */
static void drop_pages(struct spool_fs *fs, bool open_only, uint64_t until_ms)
{
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN}; /* but who pays for the file */
	struct spool_engine_pos pos = {0};
	uint64_t inos[256];
	size_t n;

	while (spool_connection_lives(fuse_session_fd(fs->session)) &&
	       spool_clock_ms() < until_ms &&
	       (n = spool_engine_list_known(fs->engine, &pos, inos, SPOOL_ARRAY_SIZE(inos))) > 0) {
		atomic_fetch_add(&fs->shared->said->told, 1); /* to look at them takes time, too */
		for (size_t i = 0; i < n; i++) {
			uid_t payer = spool_engine_payer(fs->engine, &nobody, inos[i]);

			if (open_only && !spool_engine_is_open(fs->engine, inos[i]))
				continue;
			spool_notify_drop(fs->notify, inos[i], SPOOL_TELL_PAGES, payer, ROOM_MS);
		}
	}
}

void spool_farewell(struct spool_fs *fs)
{
	uint64_t until_ms = spool_clock_ms() + SPOOL_FAREWELL_MS;

	atomic_store(&fs->refuses, true);
	/* what nobody has open cannot be read any more, as an open asks us; it only takes memory */
	drop_pages(fs, true, until_ms);
	drop_pages(fs, false, until_ms);
	spool_notify_drain(fs->notify, SPOOL_FAREWELL_STILL_MS, until_ms);
}
