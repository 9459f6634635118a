/* SPDX-License-Identifier: MIT */
#pragma once

/* Directories that we have made for ourselves. */

/**
 * spool_rmtree() - remove @path and all below it
 * Follows no symbolic link and enters no other filesystem. What is not there, or cannot be removed,
 * is passed over: a caller that must know looks afterwards.
 */
void spool_rmtree(const char *path);
