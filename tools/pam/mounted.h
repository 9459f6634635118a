/* SPDX-License-Identifier: MIT */
#pragma once

/* Is the system mount there? As the kernel's mount table tells, which no daemon can hold up. */

#include <stdio.h>
#include <sys/types.h>

/**
 * mounted_find() - what is mounted at @path, on top
 * @mountinfo: in the format of proc_pid_mountinfo(5)
 * @ret_device: of the filesystem
 * Return: NULL: a spoolfs that root has mounted, for all users, the whole of it; else what it is
 * instead, in a few words.
 */
const char *mounted_find(FILE *mountinfo, const char *path, dev_t *ret_device);
