/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the rules (life.h) want of the system; tests make one up.
 *
 * Names are right, and options as of options.h.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "volume/users.h"
#include "volume/volumes.h"

/**
 * struct volume_host - each function gets @ctx
 * @check: say whether the daemon takes @options. Return: 0; -errno, with a line in @why
 * @mount: mount a volume's filesystem. Return: 0 and its device; -errno, with a line in @why
 * @unmount: unmount it, and remove its mount point, when nobody has files of it open. Return: 0,
 *	also when it is not mounted; -EBUSY; -errno
 * @discard: unmount it though somebody uses it, as it is dead, and remove its mount point
 * @each: call @fn with the name of each volume that is mounted
 * @device: of what is mounted as volume @name. Return: 0: nothing
 * @daemon: descriptors of its processes, of which each is readable when the mount is at its end.
 *	Return: 0; -ESRCH: it has ended; -errno: that cannot be found out
 * @probe: does a request come back? Return: 0; -EBUSY: not in time; -errno: its daemon has ended
 * @open_files: how many files the daemon has open. Return: -errno: it does not say
 * @users: as of users.h; @engines: whose use is none
 * @watch: a descriptor that is readable when process @pid has ended. Return: -errno
 * @engine_watch: as well, of that engine alone. Return: -ESRCH: it has ended
 * @now_ms: a clock that never goes back
 */
struct volume_host {
	void *ctx;
	int (*check)(void *ctx, const char *name, const char *options, char *why, size_t size);
	int (*mount)(void *ctx, const char *name, const char *options, dev_t *ret, char *why,
		     size_t size);
	int (*unmount)(void *ctx, const char *name);
	void (*discard)(void *ctx, const char *name);
	void (*each)(void *ctx, void (*fn)(void *arg, const char *name), void *arg);
	dev_t (*device)(void *ctx, const char *name);
	int (*daemon)(void *ctx, dev_t device, int ret[VOLUME_DAEMON_FDS]);
	int (*probe)(void *ctx, const char *name);
	int64_t (*open_files)(void *ctx, dev_t device);
	int (*users)(void *ctx, const struct volume_engine *engines, size_t n, struct user **ret,
		     size_t *ret_n);
	int (*watch)(void *ctx, pid_t pid);
	int (*engine_watch)(void *ctx, const struct volume_engine *engine);
	uint64_t (*now_ms)(void *ctx);
};
