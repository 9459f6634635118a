/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When overlayfs has copied a file up it keeps the handle of the original in
 * trusted.overlay.origin, and opens the original by it to get its inode number. If the kernel has
 * forgotten that inode, overlayfs gets a dentry that is in no directory. From Linux 6.16 on FUSE
 * takes such a dentry for invalid when overlayfs revalidates it, as its d_time is older than the
 * connection's epoch. Then the copied file is ESTALE for as long as the overlay remembers it.
 * overlayfs works well without an origin. So a handle that a thread has just read from that
 * attribute is answered as stale; other handles are opened.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define SPOOL_ORIGIN_SLOTS 64u /* threads that read an origin at a time; a guess */

struct spool_origins {
	_Atomic uint64_t slots[SPOOL_ORIGIN_SLOTS]; /* thread and inode; 0: free */
};

/** spool_origin_note() - note that thread @pid has read attribute @name, of @size bytes at @value.
 */
void spool_origin_note(struct spool_origins *origins, pid_t pid, const char *name,
		       const void *value, size_t size);

/** spool_origin_take() - Return: whether thread @pid has read @ino from such an attribute. A second
 * call returns false. */
bool spool_origin_take(struct spool_origins *origins, pid_t pid, uint64_t ino);
