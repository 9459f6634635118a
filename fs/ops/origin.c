/* SPDX-License-Identifier: MIT */
#include "ops/origin.h"

#include <string.h>

/* The value ends in FUSE's handle (fuse_encode_fh()): the two halves of the inode number, the upper
 * one first, and the generation. Before that is what overlayfs adds. */
#define OVERLAY_HEAD 21u
#define HANDLE_WORDS 3u

/* An inode number and a thread id in one word. There are fewer than 2^42 inodes and 2^22 threads
 * (PID_MAX_LIMIT). If more bits were needed, two inodes could look the same, and a handle would be
 * stale that need not be. */
#define INO_BITS 42u

static uint64_t key_of(pid_t pid, uint64_t ino)
{
	return (uint64_t)pid << INO_BITS | (ino & ((UINT64_C(1) << INO_BITS) - 1));
}

static _Atomic uint64_t *slot_of(struct spool_origins *origins, pid_t pid)
{
	return &origins->slots[(uint32_t)pid % SPOOL_ORIGIN_SLOTS];
}

void spool_origin_note(struct spool_origins *origins, pid_t pid, const char *name,
		       const void *value, size_t size)
{
	uint32_t handle[HANDLE_WORDS];

	if (size != OVERLAY_HEAD + sizeof(handle) || strcmp(name, "trusted.overlay.origin") != 0)
		return;
	memcpy(handle, (const char *)value + OVERLAY_HEAD, sizeof(handle));
	atomic_store(slot_of(origins, pid),
		     key_of(pid, (uint64_t)handle[0] << 32 | (uint64_t)handle[1]));
}

bool spool_origin_take(struct spool_origins *origins, pid_t pid, uint64_t ino)
{
	uint64_t key = key_of(pid, ino);

	return atomic_compare_exchange_strong(slot_of(origins, pid), &key, 0);
}
