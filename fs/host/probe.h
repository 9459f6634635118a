/* SPDX-License-Identifier: MIT */
#pragma once

/* The probes of the daemon: the life of a request. util/probe.h says what a probe is. @unique is
 * the kernel's number of the request. */

#include "util/probe.h"

/** spool_probe_request_begin() - a request has come, and is tried for the first time. @uid: the
 * caller's */
static inline void spool_probe_request_begin(uint64_t unique, uint32_t opcode, uint64_t nodeid,
					     uid_t uid)
{
	SPOOL_PROBE4(request_begin, unique, opcode, nodeid, uid);
}

/** spool_probe_request_deferred() - it has to wait. @queue: for what, the name
 * of its queue (transport/waitq.h) */
static inline void spool_probe_request_deferred(uint64_t unique, const char *queue)
{
	SPOOL_PROBE2(request_deferred, unique, queue);
}

/** spool_probe_request_retried() - it is tried once more. */
static inline void spool_probe_request_retried(uint64_t unique)
{
	SPOOL_PROBE1(request_retried, unique);
}

/** spool_probe_request_answered() - the kernel has the answer, or is about to. @error: 0 or -errno
 */
static inline void spool_probe_request_answered(uint64_t unique, int error)
{
	SPOOL_PROBE2(request_answered, unique, error);
}
