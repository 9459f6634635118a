/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When a filesystem that is mounted nowhere any more ends: detach=.
 *
 * umount(8) takes a mount away, and the kernel keeps the filesystem for whoever has files of it
 * open, or a copy of the mount in another mount namespace. It is detached when no mount of it is
 * left in the mount namespace of the supervisor. When it has been so for the grace of detach=, it
 * is to end; a mount that comes back in time cancels that.
 *
 * These are the rules alone: attached.h looks at the mount table and at the clock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "options/options.h"

/* For an ordinary unmount, which ends the filesystem by itself when the mount table has changed
 * already: it is not to be taken for a detached one. Freeing the inodes of a large filesystem takes
 * so long. A guess. */
#define SPOOL_DETACH_SETTLE_MS 200u

/** What the mount table tells: nothing (it cannot be read), or whether the filesystem is in it */
enum spool_mounted { SPOOL_MOUNTED_UNKNOWN, SPOOL_MOUNTED_NO, SPOOL_MOUNTED_YES };

/** enum spool_detach_event - what has become of it */
enum spool_detach_event {
	SPOOL_DETACH_NOTHING,
	SPOOL_DETACH_BEGINS,  /* detached: the grace runs, or never ends */
	SPOOL_DETACH_CHANGED, /* detach= is another one, and has been looked at */
	SPOOL_DETACH_CANCEL,  /* mounted again */
	SPOOL_DETACH_ENDS,    /* the grace is over */
};

/** struct spool_detach - zero at the beginning */
struct spool_detach {
	bool detached; /* as far as is known */
	bool told;     /* SPOOL_DETACH_BEGINS was */
	uint64_t since_ms;
	uint32_t grace; /* seconds: with which it was told */
};

/**
 * spool_detach_look() - what is to be done now
 * @mounted: as it is now; UNKNOWN changes nothing: in doubt it is kept
 * @grace: detach= in seconds; SPOOL_DETACH_NEVER
 * @now_ms: never goes back (spool_clock_ms())
 */
enum spool_detach_event spool_detach_look(struct spool_detach *detach, enum spool_mounted mounted,
					  uint32_t grace, uint64_t now_ms);

/** spool_detach_next() - when it is to be looked at again, though nothing happens, in ms of that
 * clock. Return: UINT64_MAX: not before. */
uint64_t spool_detach_next(const struct spool_detach *detach, uint32_t grace);
