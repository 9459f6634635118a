/* SPDX-License-Identifier: MIT */
#pragma once

/* The capabilities of a process of ours (capabilities(7)), and that it never gains one. */

#include <stddef.h>
#include <stdint.h>

#include <linux/capability.h>

/** SPOOL_PRIVILEGE() - one of the capabilities, CAP_SYS_PTRACE ..., in a set of them */
#define SPOOL_PRIVILEGE(cap) ((uint64_t)1 << (cap))

/**
 * spool_privileges_drop() - for good: all capabilities but @keep, and no_new_privs
 * @keep: SPOOL_PRIVILEGE() of some of them, 0: none; one that we do not have is not added
 * Concerns the calling thread and those that it starts later.
 * Return: 0; -errno.
 */
int spool_privileges_drop(uint64_t keep);

/** spool_privileges_names() - those that are in force, as "sys_ptrace ipc_lock", "" for none. */
void spool_privileges_names(char *ret, size_t size);
