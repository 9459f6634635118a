/* SPDX-License-Identifier: MIT */
#pragma once

/* mount -o remount: sends the options to the daemon that serves the mount. */

/**
 * spool_remount() - change what -o of @argv says on the mount at @mountpoint
 * Return: an exit status, after a line: 0; 1 failed; 2 an option that cannot be changed.
 */
int spool_remount(int argc, char *argv[], const char *mountpoint);
