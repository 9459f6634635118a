/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who really uses the filesystems of the volumes, whatever an engine has said: each mount namespace
 * in which one is mounted elsewhere than on its own mount point. A container has such a copy until
 * its last process ends; so has a service that was given one with BindPaths=.
 *
 * A namespace that was copied from ours, as services with PrivateTmp= have one, also holds copies,
 * but in the same place (table.h): these are nobody's use. What an engine and its children do, such
 * as copying an image's files, goes by what the engine says (volumes.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "volume/volumes.h"

/** struct user - of the filesystem @device; pid 0: a copy in our own namespace, which no process
 * holds */
struct user {
	dev_t device;
	pid_t pid; /* of one process in the namespace */
};

/** struct users_question - where to look, and for what */
struct users_question {
	const char *proc; /* "/proc" */
	const char *dir;  /* in which the mount points are */
	const struct volume_engine *engines;
	size_t n_engines;
};

/** users_may_look() - may we look at the processes of others? Else none of them would be found. */
bool users_may_look(void);

/**
 * users_find() - look at all processes once
 * A process that begins meanwhile may be missed, with a namespace of its own: so who finds nobody
 * looks once more.
 * @ret, @ret_n: for free(3)
 * Return: 0; -errno: our mount table, @proc or a process in it cannot be read; -ENOMEM.
 */
int users_find(const struct users_question *question, struct user **ret, size_t *ret_n);
