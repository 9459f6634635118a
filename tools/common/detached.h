/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Filesystems that are still served though the mount table shows them no more: another mount
 * namespace holds a copy of the mount, or a process has files of it open after a lazy unmount.
 *
 * Found by the records of the supervisors (ctl/record.h) and by what the kernel says: who has made
 * the connection, and what is mounted in the namespaces of all processes. The kernel shows those of
 * other users to root only.
 */

#include <stddef.h>
#include <sys/types.h>

#include "ctl/record.h"

/** struct detached_holder - a mount namespace in which the filesystem is mounted */
struct detached_holder {
	ino_t namespace;        /* its number, as in /proc/PID/ns/mnt */
	pid_t pid;              /* of one process in it */
	unsigned int processes; /* how many are in it */
};

/** struct detached - a filesystem that is served and mounted neither here nor where its supervisor
 * is */
struct detached {
	struct spool_ctl_record record;
	uid_t uid; /* of the daemon */
	pid_t supervisor;
	pid_t worker, janitor; /* 0: not found */
	struct detached_holder *holders;
	size_t n_holders;
};

/**
 * detached_find() - look for them among all processes
 * @proc: "/proc"
 * @connections: "/sys/fs/fuse/connections"
 * @ret, @ret_n: for detached_free()
 * Return: 0; -errno: @proc cannot be read; -ENOMEM.
 */
int detached_find(const char *proc, const char *connections, struct detached **ret, size_t *ret_n);

void detached_free(struct detached *all, size_t n);

/** detached_who() - the processes that serve, "supervisor 12, worker 13, janitor 14". Return: @buf.
 */
const char *detached_who(const struct detached *one, char *buf, size_t size);

/** detached_held_by() - the namespaces, as a clause; some may be left out at the end of @buf.
 * Return: @buf. */
const char *detached_held_by(const struct detached *one, char *buf, size_t size);
