/* SPDX-License-Identifier: MIT */
#pragma once

/* In the process that visits the mount: the user's directory over other places. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** struct cover - @places: @n of them; @uid, @gid: whose directory is laid over them */
struct cover {
	const char *const *places;
	size_t n;
	uid_t uid;
	gid_t gid;
};

/**
 * struct cover_result - @opened: all places were; @place: by its number, the one that was not, or
 * that could not be covered; @lost_sockets: those of X cannot be reached any more
 */
struct cover_result {
	bool opened;
	unsigned int place;
	bool lost_sockets;
};

/** cover_open() - a directory, over no symbolic link. Return: a descriptor; -errno. */
int cover_open(const char *path, int flags);

/**
 * cover_enter() - a mount namespace of our own
 * What is mounted elsewhere still comes here, and nothing of ours goes there. A working directory
 * in a place that will be covered becomes "/". Return: 0; -errno.
 */
int cover_enter(const struct cover *cover);

/**
 * cover_lay() - lay a directory over the places
 * @top: the user's directory on the mount, opened in this namespace
 * @ret: zeros before. Return: 0; -errno.
 */
int cover_lay(const struct cover *cover, int top, struct cover_result *ret);
