/* SPDX-License-Identifier: MIT */
#pragma once

/* Removes directories that a process of ours has made. */

/**
 * spool_rmtree() - remove @path and all below it
 * Follows no symbolic link and enters no other filesystem. What is not there, or cannot be removed,
 * is passed over: a caller that must know looks afterwards.
 */
void spool_rmtree(const char *path);
