/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A host whose calls fail on demand and that counts what was not given back. Everything else is
 * the real machine's, but for the clock, which stands where the test sets it.
 */

#include <stdbool.h>

#include "util/host.h"

/**
 * struct fault_host - pass &host.host to the code under test
 * @live: allocations and mappings that exist now; 0 at the end, or something leaked
 * @clock: what now() answers; @monotonic_ns: what monotonic_ns() does
 * @written: calls of arena_write that did not fail; @written_from: what the last one was given
 * @fired: a call has failed since fault_host_arm()
 */
struct fault_host {
	struct spool_host host;
	_Atomic long live;
	struct timespec clock;
	_Atomic uint64_t monotonic_ns;
	_Atomic long written;
	const void *_Atomic written_from;
	_Atomic bool fired;
	/* private */
	_Atomic long calls;
	long nth;
	bool persistent;
};

void fault_host_init(struct fault_host *fault);

/**
 * fault_host_arm() - let the @nth call from now on fail (from 1; 0 = none)
 * @persistent: and all that follow it
 * Counted are alloc (fails with NULL), arena_open, arena_map (-ENOMEM), arena_punch and
 * arena_write (-EIO), and secret_map (NULL).
 */
void fault_host_arm(struct fault_host *fault, long nth, bool persistent);
