/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * overlayfs keeps the handle of the file that it has copied up in trusted.overlay.origin, and opens
 * it by that for the sake of its inode number. When the kernel has forgotten the inode meanwhile,
 * it gets a dentry that is in no directory, and from Linux 6.16 on FUSE takes each of those for
 * invalid when overlayfs looks at it again (its d_time is older than the connection's epoch): then
 * the copied file is ESTALE for as long as the overlay remembers it. Without an origin overlayfs
 * does well. So a handle that a thread has just read from that attribute is stale; others are
 * opened.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define SPOOL_ORIGIN_SLOTS 64u /* threads that read one at the same time; a guess */

struct spool_origins {
	_Atomic uint64_t slots[SPOOL_ORIGIN_SLOTS]; /* who reads what; 0: nobody */
};

/** spool_origin_note() - thread @pid gets the value of attribute @name: @size bytes at @value. */
void spool_origin_note(struct spool_origins *origins, pid_t pid, const char *name,
		       const void *value, size_t size);

/** spool_origin_take() - is that where thread @pid has @ino from? Asked once. */
bool spool_origin_take(struct spool_origins *origins, pid_t pid, uint64_t ino);
