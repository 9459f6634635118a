/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the daemon is: the tools start it and never become it. */

#include <stddef.h>

/**
 * daemon_path() - the spoolfs to run
 * @ret: a path, or "spoolfs" alone, for execvp(3) to find in PATH
 * @size: bytes at @ret; PATH_MAX is always enough
 *
 * Looked for beside the running program and where it is in a build tree, so that a build tree's
 * tools never start another version's daemon; then where this build would be installed.
 */
void daemon_path(char *ret, size_t size);
