/* SPDX-License-Identifier: MIT */
#pragma once

/* Gives up capabilities of the calling process (capabilities(7)) for good. */

#include <stddef.h>
#include <stdint.h>

#include <linux/capability.h>

/** SPOOL_PRIVILEGE() - the set of one capability, as CAP_SYS_PTRACE */
#define SPOOL_PRIVILEGE(cap) ((uint64_t)1 << (cap))

/**
 * spool_privileges_drop() - give up all capabilities but @keep, and set no_new_privs
 * @keep: SPOOL_PRIVILEGE() of some; 0: none. A capability that we do not have is not added.
 * Holds for the calling thread and for threads that it starts later.
 * Return: 0; -errno.
 */
int spool_privileges_drop(uint64_t keep);

/** spool_privileges_names() - the capabilities in force, as "sys_ptrace ipc_lock"; "" for none. */
void spool_privileges_names(char *ret, size_t size);
