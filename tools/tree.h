/* SPDX-License-Identifier: MIT */
#pragma once

/* Directories that a tool has made for itself. */

/**
 * remove_tree() - remove @path and all below it
 * Follows no symbolic link and enters no other filesystem. What is not there, or cannot be removed,
 * is passed over: whoever wants to know looks afterwards.
 */
void remove_tree(const char *path);
