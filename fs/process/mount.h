/* SPDX-License-Identifier: MIT */
#pragma once

/* One mount: mountpoint.h makes it, unmount.h ends it. */

#include <stdbool.h>
#include <sys/types.h>

struct fuse_session;

struct spool_mount {
	char *path;                   /* absolute, without symlinks */
	dev_t device;                 /* of the filesystem, 0 when not mounted */
	struct fuse_session *session; /* holds what libfuse needs to know */
	int fd;                       /* /dev/fuse; -1 when closed */
	int covered;                  /* the directory below; -1 when it may not be read */
	bool was_empty;               /* the directory below, before the mount */
};
