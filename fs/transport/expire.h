/* SPDX-License-Identifier: MIT */
#pragma once

/* Names that the kernel has cached, expired: it looks them up again before it uses them. */

#include <stddef.h>
#include <stdint.h>

struct spool_fs;

/**
 * spool_expire_all() - all names of the mount
 * No kernel lock is needed for it, so handlers may do this while they have a request in hand; it
 * holds when this returns. But the next look-up of a name on which something is mounted unmounts
 * that. Where SPOOL_FEATURE_EPOCH is missing nothing happens.
 */
void spool_expire_all(struct spool_fs *fs);

/**
 * spool_expire_entries() - what is in the directory @ino, name by name
 * The kernel takes the lock of the directory for each: not for threads that answer requests. What
 * is mounted below stays, as long as the names are found again.
 */
void spool_expire_entries(const struct spool_fs *fs, uint64_t ino);
