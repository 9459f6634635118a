/* SPDX-License-Identifier: MIT */
#pragma once

/* The spoolfs mounts that this process can see. */

#include <stdio.h>

/**
 * mounts_each() - call @fn for every spoolfs mount in a mountinfo file
 * @mountinfo: an open file in the format of proc_pid_mountinfo(5)
 * @fn: gets the mount point (unescaped); a value other than 0 ends the walk
 * Return: what @fn returned last, 0 when there was none; -1 after a read error (errno).
 */
int mounts_each(FILE *mountinfo, int (*fn)(void *arg, const char *mountpoint), void *arg);
