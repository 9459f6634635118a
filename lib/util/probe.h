/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Probes: places where a tracer (bpftrace, perf, gdb, SystemTap) can look into a running program.
 *
 * They are USDT probes of provider "spoolfs". Each is one nop and a note in the program, so that
 * one that nobody traces costs nothing but what its arguments cost. Built with -Dprobes=disabled,
 * or without sys/sdt.h, they are not there at all.
 *
 * The probes of the engine are here, those of the daemon in fs/host/probe.h. Names and arguments
 * are for those who trace, and listed in fs/README.md.
 */

#include <stdint.h>
#include <sys/types.h>

#if SPOOL_PROBES
#include <sys/sdt.h>
#define SPOOL_PROBE1(name, a) STAP_PROBE1(spoolfs, name, a)
#define SPOOL_PROBE2(name, a, b) STAP_PROBE2(spoolfs, name, a, b)
#define SPOOL_PROBE3(name, a, b, c) STAP_PROBE3(spoolfs, name, a, b, c)
#define SPOOL_PROBE4(name, a, b, c, d) STAP_PROBE4(spoolfs, name, a, b, c, d)
#else
#define SPOOL_PROBE1(name, a) ((void)(a))
#define SPOOL_PROBE2(name, a, b) ((void)(a), (void)(b))
#define SPOOL_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define SPOOL_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

/** spool_probe_charge_refused() - a limit was met. @uid: who is charged, also where the limit is
 * the mount's; @resource: enum spool_resource; @amount: what was wanted, in the unit of @limit */
static inline void spool_probe_charge_refused(uid_t uid, int resource, uint64_t amount,
					      uint64_t limit)
{
	SPOOL_PROBE4(charge_refused, uid, resource, amount, limit);
}

/** spool_probe_batch_written() - @bytes of file @ino are on the disk. @segment: the file's own
 * segment, 0: a shared one */
static inline void spool_probe_batch_written(uint64_t ino, uint64_t bytes, int segment)
{
	SPOOL_PROBE3(batch_written, ino, bytes, segment);
}

/** spool_probe_file_removed() - inode @ino is gone: no name, no open, no lookup is left. Not called
 * for what goes with the mount. */
static inline void spool_probe_file_removed(uint64_t ino)
{
	SPOOL_PROBE1(file_removed, ino);
}
