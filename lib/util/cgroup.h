/* SPDX-License-Identifier: MIT */
#pragma once

/* How much RAM a process of ours may use: the machine's, and the limit of its control group. */

#include <stdint.h>

/** spool_machine_memory() - bytes of RAM of the machine, UINT64_MAX when it cannot be found out. */
uint64_t spool_machine_memory(void);

/**
 * spool_cgroup_memory() - the limit in bytes of our cgroup or of one above it, the lowest
 * @proc_cgroup: "/proc/self/cgroup"; @cgroup_root: "/sys/fs/cgroup" (tests pass their own)
 * Reads the v2 file memory.max, and the v1 file memory.limit_in_bytes of the hierarchy that has
 * the controller "memory", alone or with others. Return: UINT64_MAX for no limit, or one that
 * cannot be read.
 */
uint64_t spool_cgroup_memory(const char *proc_cgroup, const char *cgroup_root);

/** spool_memory_total() - the lower of the two. Return: bytes, at least 1. */
uint64_t spool_memory_total(const char *proc_cgroup, const char *cgroup_root);
