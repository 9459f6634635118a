/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The control interface between tools and daemon: ioctls on any directory of the mount.
 *
 * Each call has one fixed-size structure that goes in and comes out (so the kernel copies it and
 * no retry is needed; ioctl sizes end at 16,383 bytes, _IOC_SIZEBITS). It begins with a
 * version: the daemon answers -EPROTO for one it does not speak and writes its own version there.
 * All integers are in host order (both ends are on one machine), all structures have the same
 * layout in 32 and 64 bits, and every reserved field is zero (-EINVAL otherwise).
 *
 * The caller is whom the kernel says. Who is an administrator: effective CAP_SYS_ADMIN in the
 * initial user and pid namespaces, read from /proc/PID/status while the call is pending.
 */

#include <linux/ioctl.h>
#include <stdint.h>

#define SPOOL_CTL_VERSION 1u
#define SPOOL_CTL_MAGIC \
	0xB7 /* free in Documentation/userspace-api/ioctl/ioctl-number.rst at 6.12 */
#define SPOOL_CTL_MAX 16383u /* bytes */

#define SPOOL_CTL_TEXT 128u  /* bytes of a text field with its NUL; a guess, fits a reason */
#define SPOOL_CTL_USERS 128u /* users in one answer; a guess, 128 * 64 bytes < SPOOL_CTL_MAX */
#define SPOOL_CTL_NO_LIMIT UINT64_MAX

/** struct spool_ctl_usage - used and limit of SIZE (bytes), RAM (bytes), INODES */
struct spool_ctl_usage {
	uint64_t size_used, size_limit;
	uint64_t ram_used, ram_limit;
	uint64_t inodes_used, inodes_limit;
};

enum spool_ctl_protect {
	SPOOL_CTL_PROTECT_NODUMP = 1 << 0, /* file data are not in core dumps */
	SPOOL_CTL_PROTECT_NOSWAP = 1 << 1, /* file data cannot be swapped out */
};

/**
 * struct spool_ctl_status - SPOOL_IOC_STATUS: the mount as a whole
 * @version: in: the caller's; out: the daemon's
 * @caller_admin: out: 1 when the caller was taken for an administrator
 * @usage: the mount's; for others than administrators the caller's own, as in statfs
 */
struct spool_ctl_status {
	uint32_t version;
	uint32_t caller_admin;
	uint32_t layout; /* enum spool_layout */
	uint32_t modes;  /* enum spool_modes */
	uint32_t protect;
	uint32_t threads;
	int32_t supervisor_pid;
	int32_t worker_pid;
	uint64_t uptime_ms;
	uint64_t ram_held;
	uint64_t open_files;
	uint64_t requests; /* served since the start */
	struct spool_ctl_usage usage;
	char daemon_version[SPOOL_CTL_TEXT];
	char transport[SPOOL_CTL_TEXT]; /* "uring" or "dev" */
	char transport_why[SPOOL_CTL_TEXT];
	char features[SPOOL_CTL_TEXT *
		      4]; /* space separated: kernel features in use, -name = masked or missing */
};

struct spool_ctl_user {
	uint32_t uid;
	uint32_t reserved;
	struct spool_ctl_usage usage;
};

/**
 * struct spool_ctl_users - SPOOL_IOC_USERS: use per uid, in ascending order
 * @cursor: in: lowest uid wanted; out: where to go on, or SPOOL_CTL_END
 * Administrators see every uid, others their own only.
 */
#define SPOOL_CTL_END UINT64_MAX
struct spool_ctl_users {
	uint32_t version;
	uint32_t count;
	uint64_t cursor;
	struct spool_ctl_user users[SPOOL_CTL_USERS];
};

/**
 * struct spool_ctl_requests - SPOOL_IOC_REQUESTS: how many requests of each kind were served
 * @counts: by number of the operation (enum fuse_opcode, linux/fuse.h); higher ones are not counted
 * For administrators only: -EPERM.
 */
#define SPOOL_CTL_OPCODES 64u
struct spool_ctl_requests {
	uint32_t version;
	uint32_t reserved;
	uint64_t counts[SPOOL_CTL_OPCODES];
};

#define SPOOL_IOC_STATUS _IOWR(SPOOL_CTL_MAGIC, 1, struct spool_ctl_status)
#define SPOOL_IOC_USERS _IOWR(SPOOL_CTL_MAGIC, 2, struct spool_ctl_users)
#define SPOOL_IOC_REQUESTS _IOWR(SPOOL_CTL_MAGIC, 3, struct spool_ctl_requests)

_Static_assert(sizeof(struct spool_ctl_status) <= SPOOL_CTL_MAX, "ioctl size");
_Static_assert(sizeof(struct spool_ctl_users) <= SPOOL_CTL_MAX, "ioctl size");
