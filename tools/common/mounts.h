/* SPDX-License-Identifier: MIT */
#pragma once

/* The spoolfs mounts of a mount namespace, as its mount table tells. Read by libmount. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/** struct mounts_entry - one mount */
struct mounts_entry {
	const char *path; /* of the mount point; unescaped */
	dev_t device;     /* of the filesystem */
	uid_t uid;        /* who has mounted it */
};

/**
 * mounts_each() - call @fn for every spoolfs mount in a mountinfo file
 * @mountinfo: an open file in the format of proc_pid_mountinfo(5); lines that are not are passed
 * over
 * @fn: gets the mount, which lasts until it returns; a value other than 0 ends the walk
 * Return: what @fn returned last, 0 when there was none; -1: the file cannot be read (errno).
 */
int mounts_each(FILE *mountinfo, int (*fn)(void *arg, const struct mounts_entry *entry), void *arg);

/** mounts_has() - is a spoolfs mounted on @path now? It may end while we walk through the list.
 * Return: true as well when that cannot be known. */
bool mounts_has(const char *path);
