/* SPDX-License-Identifier: MIT */
#pragma once

/* How much RAM there is for us. */

#include <stdint.h>

/**
 * spool_memory_total() - bytes of RAM: the machine's, or the limit of our cgroup or one above it
 * @proc_cgroup: "/proc/self/cgroup"; @cgroup_root: "/sys/fs/cgroup" (tests pass their own)
 * Reads the v2 file memory.max and the v1 file memory.limit_in_bytes; what cannot be read does
 * not limit. Return: at least 1.
 */
uint64_t spool_memory_total(const char *proc_cgroup, const char *cgroup_root);
