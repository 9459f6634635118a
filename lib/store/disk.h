/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of a mount share of the backing store, where blocks go that leave RAM. */

#include <stdatomic.h>
#include <stdint.h>

#include "spill/disk_slots.h"
#include "spill/seal.h"
#include "util/host.h"

struct spool_ahead;

/**
 * struct spool_disk - what the files of a mount share; all counters in bytes
 * @ahead: what is read ahead; NULL: nothing
 * @own_size: a file larger than this gets a segment of its own
 * @gave, @ctx: called when a disk slot was given back, with any locks held: it only wakes somebody
 * @stored: pages of files that are on the disk
 * @written, @fetched: ever
 * @n_bad: pieces that were not what was sealed; @n_failed: batches that could not be written
 */
struct spool_disk {
	const struct spool_host *host;
	struct spool_seal *seal;
	struct spool_disk_slots *slots;
	struct spool_ahead *ahead;
	uint64_t own_size;
	void (*gave)(void *ctx);
	void *ctx;
	_Atomic uint64_t stored;
	_Atomic uint64_t written, fetched, n_bad, n_failed;
};
