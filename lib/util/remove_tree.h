/* SPDX-License-Identifier: MIT */
#pragma once

/* Directories that we have made for ourselves. */

/**
 * spool_remove_tree() - remove @path and all below it
 * Follows no symbolic link and enters no other filesystem. What is not there, or cannot be removed,
 * is passed over: whoever wants to know looks afterwards.
 */
void spool_remove_tree(const char *path);
