/* SPDX-License-Identifier: MIT */
#pragma once

/* The two parts of the sandbox that a kernel may lack. */

#include <stdbool.h>
#include <stddef.h>

struct spool_sandbox_needs;

/* Sanitizers open files, start programs and trace at run time. */
#define SANDBOX_IS_BUILT ((bool)(SPOOL_SANDBOX))

/** sandbox_landlock() - @why: gets "on (ABI ...)" or "off: ...". Return: 0; -errno, then it is off.
 */
int sandbox_landlock(const struct spool_sandbox_needs *needs, char *why, size_t size);

/** sandbox_seccomp() - allow only the system calls of a list. As sandbox_landlock(). */
int sandbox_seccomp(char *why, size_t size);

/** sandbox_seccomp_seal() - forbid all threads those that make rings, too. Return: 0; -errno. */
int sandbox_seccomp_seal(void);
