/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The control interface between tools and daemon: ioctls on any directory of the mount.
 *
 * Each call has one fixed-size structure that goes in and comes out (so the kernel copies it and
 * no retry is needed; ioctl sizes end at 16,383 bytes, _IOC_SIZEBITS). It begins with a
 * version: the daemon answers -EPROTO for one it does not speak, and for a call or size that it
 * does not know, and writes its own version there. All integers are in host order (both ends are on
 * one machine), all structures have the same layout in 32 and 64 bits, and every reserved field is
 * zero (-EINVAL otherwise).
 *
 * The kernel says which process calls. It is an administrator when it has effective CAP_SYS_ADMIN
 * in the initial user and pid namespaces, read from /proc/PID/status while the call is pending.
 */

#include <linux/ioctl.h>
#include <stdint.h>

#include "ctl/proto_session.h"

#define SPOOL_CTL_VERSION 5u
#define SPOOL_CTL_MAGIC \
	0xB7 /* free in Documentation/userspace-api/ioctl/ioctl-number.rst at 6.12 */
#define SPOOL_CTL_MAX 16383u /* bytes */

#define SPOOL_CTL_TEXT 128u  /* bytes of a text field with its NUL; a guess, fits a reason */
#define SPOOL_CTL_USERS 128u /* users in one answer; a guess, 128 * 96 bytes < SPOOL_CTL_MAX */
#define SPOOL_CTL_NO_LIMIT UINT64_MAX
/* What is older is asked for again. A full disk is looked at once a second without that. A guess.
 */
#define SPOOL_CTL_FRESH_MS 2000u

/** struct spool_ctl_usage - used and limit of SIZE (bytes), RAM (bytes), INODES */
struct spool_ctl_usage {
	uint64_t size_used, size_limit;
	uint64_t ram_used, ram_limit;
	uint64_t inodes_used, inodes_limit;
	uint64_t size_refused, ram_refused, inodes_refused; /* requests for more, so far */
};

enum spool_ctl_protect {
	SPOOL_CTL_PROTECT_NODUMP = 1 << 0, /* file data are not in core dumps */
	SPOOL_CTL_PROTECT_NOSWAP = 1 << 1, /* file data cannot be swapped out */
};

/* What requests wait for: that a file goes, RAM, the disk, that the kernel has been told to drop
 * something, and that a file is spilled. */
enum spool_ctl_waiting {
	SPOOL_CTL_WAITING_RELEASE,
	SPOOL_CTL_WAITING_RAM,
	SPOOL_CTL_WAITING_DISK,
	SPOOL_CTL_WAITING_NOTIFY,
	SPOOL_CTL_WAITING_SPILL,
	SPOOL_CTL_WAITING_N,
};

/** struct spool_ctl_oldest - the request that has waited longest for something: for how long, of
 * whom, and its operation (enum fuse_opcode, linux/fuse.h); zeros when none waits */
struct spool_ctl_oldest {
	uint64_t age_ms;
	uint32_t uid;
	uint32_t opcode;
};

/**
 * struct spool_ctl_status - SPOOL_IOC_STATUS: the mount as a whole
 * @version: in: the caller's; out: the daemon's
 * @caller_admin: out: 1 when the caller was taken for an administrator
 * @usage: the mount's; for others than administrators the caller's own, as in statfs
 * @ring_entries, @ring_entries_waiting: of all rings; 0 without
 * @waiting, @waiting_data: requests that wait now, by enum spool_ctl_waiting, and bytes of theirs;
 *	@oldest: of each; @users_refused: by enum spool_resource, charges that limits of uids have
 *	refused so far, as @usage says of the mount's; @waiting_refused: requests that were answered
 *	EINTR so far, as too many waited. All of these for administrators.
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
	uint64_t requests; /* since the start */
	uint64_t retries;  /* attempts at them beyond the first of each: they had to wait */
	uint32_t ring_entries;
	uint32_t ring_entries_waiting;
	uint64_t waiting[SPOOL_CTL_WAITING_N];
	struct spool_ctl_oldest oldest[SPOOL_CTL_WAITING_N];
	uint64_t waiting_data;
	uint64_t waiting_refused;
	uint64_t users_refused[3];
	struct spool_ctl_usage usage;
	char daemon_version[SPOOL_CTL_TEXT];
	char transport[SPOOL_CTL_TEXT]; /* "uring" or "dev" */
	char transport_why[SPOOL_CTL_TEXT];
	char features[SPOOL_CTL_TEXT *
		      4]; /* space separated: kernel features in use, -name = masked or missing */
	char capabilities[SPOOL_CTL_TEXT]; /* that the worker has, space separated; "" none */
	char landlock[SPOOL_CTL_TEXT];     /* "on ...", or "off: ..." with the reason */
	char seccomp[SPOOL_CTL_TEXT];      /* as well */
	int32_t nice;                      /* of the worker's threads, -20 to 19 */
	uint32_t reserved;
};

/** struct spool_ctl_user - @waiting: requests that are charged to the uid and wait now; @requests:
 * so far, SPOOL_CTL_NO_LIMIT: they are not counted, as there are too many uids; @disk: bytes of its
 * data that are on the disk */
struct spool_ctl_user {
	uint32_t uid;
	uint32_t waiting;
	uint64_t requests;
	uint64_t disk;
	struct spool_ctl_usage usage;
};

/**
 * struct spool_ctl_users - SPOOL_IOC_USERS: use per uid, in ascending order
 * @cursor: in: lowest uid wanted; out: where to go on, or SPOOL_CTL_END. It only goes up, so that a
 *	listing shows each uid once at most and ends, even when uids are added meanwhile
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

enum spool_ctl_tier_flags {
	SPOOL_CTL_TIER_ON = 1 << 0,      /* there is a backing directory */
	SPOOL_CTL_TIER_ENCRYPT = 1 << 1, /* what spills is encrypted */
	SPOOL_CTL_TIER_LOCKED = 1 << 2,  /* the keys cannot be swapped out */
	SPOOL_CTL_TIER_FAILING = 1 << 3, /* the disk did not take the last data */
	SPOOL_CTL_TIER_TMPFILE = 1
				 << 4, /* of the backing filesystem: O_TMPFILE, direct I/O, holes */
	SPOOL_CTL_TIER_DIRECT = 1 << 5,
	SPOOL_CTL_TIER_PUNCH = 1 << 6,
	SPOOL_CTL_TIER_PRESSURE = 1 << 7, /* memory pressure shrinks the budget */
};

/**
 * struct spool_ctl_tier - SPOOL_IOC_TIER: what lies on the disk; sizes in bytes
 * @threshold: SPOOL_CTL_NO_LIMIT: none
 * @backing_free, @backing_total: of the backing filesystem, @backing_age_ms ago: the answer does
 * not wait for the disk, which is asked again after an answer that is older than SPOOL_CTL_FRESH_MS
 * @stored: data on the disk now; @written, @fetched: since the start
 * @n_failed: batches that the disk did not take; @n_bad: pieces that were not what was written
 * @waiting: requests that wait for RAM
 * @budget: bytes of RAM for data and metadata: ram=, or less under memory pressure
 * @why: why there is no backing directory, when the default one cannot be used
 * For others than administrators all but flags, threshold and why is 0.
 */
struct spool_ctl_tier {
	uint32_t version;
	uint32_t flags;
	uint64_t threshold, reserve, budget;
	uint64_t backing_free, backing_total, backing_age_ms;
	uint64_t stored, written, fetched;
	uint64_t n_failed, n_bad;
	uint32_t files;
	uint32_t waiting;
	char backing[SPOOL_CTL_TEXT * 8];
	char why[SPOOL_CTL_TEXT];
};

/**
 * struct spool_ctl_set - SPOOL_IOC_SET: change an option of the live mount
 * @option: in: "name=value", as in fstab
 * @error: out: 0, or an errno with the reason in @message, one line
 * For administrators only: -EPERM.
 */
struct spool_ctl_set {
	uint32_t version;
	int32_t error;
	char option[SPOOL_CTL_TEXT];
	char message[SPOOL_CTL_TEXT * 2];
};

/**
 * struct spool_ctl_name - SPOOL_IOC_SPILL: bring a file to the disk now
 * @name: of a file in the directory that is asked
 * For the file's owner and administrators: -EPERM. Other errors: -ENOENT; -EISDIR, -EINVAL no
 * regular file; -EOPNOTSUPP no disk; -ENOSPC, -EIO it does not take the data; -ETIMEDOUT it has not
 * taken them in 30 s; -EBUSY 8 of one payer wait already; -EINTR.
 */
struct spool_ctl_name {
	uint32_t version;
	uint32_t reserved;
	char name[256];
};

/**
 * struct spool_ctl_debug - SPOOL_IOC_DEBUG: what the daemon holds and waits for, in pages of text
 * @length: in: 0; out: bytes of @text, whole lines
 * @cursor: in: 0, or where the last page has ended; out: where this one has, or SPOOL_CTL_END
 * The answer waits for nothing. For administrators only: -EPERM. Other errors: -EINVAL @cursor is
 * none of the daemon's; -ENOMEM.
 */
#define SPOOL_CTL_DEBUG_TEXT 16360u /* a multiple of 8, so that all is no more than SPOOL_CTL_MAX */
struct spool_ctl_debug {
	uint32_t version;
	uint32_t length;
	uint64_t cursor;
	char text[SPOOL_CTL_DEBUG_TEXT];
};

enum spool_ctl_life_flags {
	SPOOL_CTL_LIFE_ENDED = 1 << 0, /* it goes as soon as it can: its session has ended */
	SPOOL_CTL_LIFE_OPEN = 1 << 1,
	SPOOL_CTL_LIFE_CHANGING = 1 << 2, /* not all that is asked of a tree is done yet */
};

/**
 * struct spool_ctl_life - SPOOL_IOC_LIFE: how long a file of any kind lives, and why
 * @name: in: of an entry of the directory that is asked; "": the directory itself
 * All others out:
 * @flags: enum spool_ctl_life_flags
 * @lifetime: enum spool_lifetime
 * @session: whose end it goes with; 0: that of the mount itself
 * @bound: of a directory: the explicit session of what is made in it, or 0
 * @linger_ms: until its names go, if nobody opens it; SPOOL_CTL_NO_LIMIT: it is open, or does not
 *	linger
 * @waits_for: of a directory that goes as soon as it is empty: something that is in it; else ""
 * For the owner of a file and administrators: -EPERM; in layouts private and single the owner of
 * the tree. Other errors: -ENOENT; -EINVAL.
 */
struct spool_ctl_life {
	uint32_t version;
	uint32_t flags;
	uint32_t lifetime;
	uint32_t uid;
	uint32_t mode;
	uint32_t reserved;
	uint64_t ino;
	uint64_t session;
	uint64_t bound;
	uint64_t linger_ms;
	char name[256];
	char waits_for[256];
};

enum spool_ctl_change_op {
	SPOOL_CTL_CHANGE_LIFETIME, /* @lifetime from now on, also of what is made in a directory */
	SPOOL_CTL_CHANGE_EXPIRE,   /* goes with all below it, as when its session has ended */
};

enum spool_ctl_change_flags {
	SPOOL_CTL_CHANGE_TREE = 1 << 0, /* of LIFETIME: all below it, too */
};

/**
 * struct spool_ctl_change - SPOOL_IOC_CHANGE: change how long a file of any kind lives
 * @op: enum spool_ctl_change_op; @flags: enum spool_ctl_change_flags
 * @lifetime: of LIFETIME: enum spool_lifetime; else 0
 * @name: of an entry of the directory that is asked; "": the directory itself
 * What is below a directory is done soon after the answer, but for what is others' (and what is
 * below that); what is moved meanwhile may be missed.
 * For those who may ask SPOOL_IOC_LIFE about it: -EPERM; root of a container may not change trees
 * in layout shared. Nor can the root of layout private and the link in it be changed. Other errors:
 * -ENOENT; -EINVAL; -EBUSY another change of the same directory is not done yet.
 */
struct spool_ctl_change {
	uint32_t version;
	uint32_t op;
	uint32_t lifetime;
	uint32_t flags;
	char name[256];
};

/**
 * struct spool_ctl_file - a file as a listing shows it
 * @size: st_size; @ram, @disk: bytes of RAM that its data take, and of whole pages on the disk
 * @mode: with the type, as in st_mode
 * @lifetime, @session: as of struct spool_ctl_life; of files about which the caller may not ask
 *	that: SPOOL_CTL_UNKNOWN and 0
 */
#define SPOOL_CTL_UNKNOWN UINT32_MAX
struct spool_ctl_file {
	uint64_t ino;
	uint64_t size;
	uint64_t ram;
	uint64_t disk;
	uint64_t session;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint32_t lifetime;
	char name[256]; /* with a NUL */
};

/**
 * struct spool_ctl_files - SPOOL_IOC_LIST: what is in the directory that is asked, without "." and
 * ".."; entries that others may not see are left out, as of readdir(3)
 * @cursor: in: 0, or where the last page has ended; out: where this one has, or SPOOL_CTL_END
 * @end: in: 0, or what came with the last page; out: where the listing ends, so that what is made
 *	or renamed meanwhile does not make it endless
 * @name: in: of the only entry that is asked for, then @cursor and @end are 0; or ""
 * For all who may read and search the directory: -EACCES, also where the mode lets the group or
 * others, of whom the caller may be, read but not search. Other errors: -ENOENT; -EINVAL; -ENOMEM.
 */
#define SPOOL_CTL_ENTRIES 51u /* 51 * 312 bytes and the rest are < SPOOL_CTL_MAX */
struct spool_ctl_files {
	uint32_t version;
	uint32_t count;
	uint64_t cursor;
	uint64_t end;
	char name[256];
	struct spool_ctl_file entries[SPOOL_CTL_ENTRIES];
};

/**
 * struct spool_ctl_session - one session
 * @kind: enum spool_session_kind; @state: enum spool_session_state
 * @value: the audit session, uid or POSIX session; of a directory the number of the session
 * @place: the cgroup, a long one is cut; of a directory its path from the root of the mount ("." is
 *	that itself), "" if it is long, has gone, or may not be seen by the caller; else ""
 * @entries: files and others that have it
 * @since: wall clock, seconds
 * @owner: whose trees; @is_explicit: 0 or 1
 * @member: a process that is watched, or the holder; 0: none
 * @members: processes, when they were counted last
 */
struct spool_ctl_session {
	uint64_t id;
	uint64_t value;
	uint64_t entries;
	int64_t since;
	uint32_t kind;
	uint32_t state;
	uint32_t owner;
	uint32_t is_explicit;
	int32_t member;
	uint32_t members;
	char place[256];
};

/**
 * struct spool_ctl_sessions - SPOOL_IOC_SESSIONS: the sessions of a mount, in ascending order
 * @cursor: in: 0, or where the last page has ended; out: where this one has, or SPOOL_CTL_END. A
 *	page may be empty and not the last
 * Administrators see all sessions, others their own: a user those of his subordinate uids as well,
 * and these none; nor does the root of a container. Errors: -EINVAL; -ENOMEM.
 */
#define SPOOL_CTL_SESSIONS 51u /* 51 * 312 bytes and the rest are < SPOOL_CTL_MAX */
struct spool_ctl_sessions {
	uint32_t version;
	uint32_t count;
	uint64_t cursor;
	struct spool_ctl_session sessions[SPOOL_CTL_SESSIONS];
};

/**
 * struct spool_ctl_lives - SPOOL_IOC_LIVES: how long files live on this mount
 * @lifetime, @session: the options: enum spool_lifetime, enum spool_session_mode; @linger, @grace:
 *	in seconds
 * @removed: names that have gone by themselves so far; @untold: how many of these the kernel could
 *	not be told; @failed: tries at one that had been moved, and was tried again; @waiting:
 *	directories whose session is over and that are not empty; @lingering: closed files whose
 *	names go. All of these for administrators, 0 for others.
 * @source: how processes are known, and why they are not
 */
struct spool_ctl_lives {
	uint32_t version;
	uint32_t lifetime;
	uint32_t linger;
	uint32_t session;
	uint32_t grace;
	uint32_t reserved;
	uint64_t removed, failed, untold, waiting, lingering;
	char source[SPOOL_CTL_TEXT];
};

/**
 * struct spool_ctl_who - SPOOL_IOC_WHO: in which session would be what a process makes in the
 * directory that is asked?
 * @pid: in: as the caller and the daemon number it
 * @why: out: enum spool_session_why
 * @session: out: its id is 0 when there is none, or it has not begun yet; of another's session
 *	the members that count something are 0
 * For who has the uid of the process or pays for it, and administrators: -EPERM. Other errors:
 * -ESRCH there is no such process; -EXDEV the caller has another pid namespace; -EINVAL; -ENOENT.
 */
struct spool_ctl_who {
	uint32_t version;
	int32_t pid;
	uint32_t why;
	uint32_t reserved;
	struct spool_ctl_session session;
};

enum spool_ctl_wipe_op {
	SPOOL_CTL_WIPE_BEGIN, /* wipe what there is now */
	SPOOL_CTL_WIPE_ASK,   /* is it done? */
};

/**
 * struct spool_ctl_wipe - SPOOL_IOC_WIPE: everything loses its data and goes, whatever its lifetime
 * @op: enum spool_ctl_wipe_op
 * @left: in: 0; out: 1: something is to go yet, or the kernel to be told of it
 * The directory that is asked says what: the root of the mount, or in layout private the directory
 * of a user: his tree. Open files are empty, reading and writing them is -EIO. What is made
 * afterwards stays.
 * For administrators; in layout private others may wipe their own tree, which for them the root of
 * the mount means as well; -EPERM. Other errors: -EINVAL another directory; -ENOMEM.
 */
struct spool_ctl_wipe {
	uint32_t version;
	uint32_t op;
	uint32_t left;
	uint32_t reserved;
};

#define SPOOL_IOC_STATUS _IOWR(SPOOL_CTL_MAGIC, 1, struct spool_ctl_status)
#define SPOOL_IOC_USERS _IOWR(SPOOL_CTL_MAGIC, 2, struct spool_ctl_users)
#define SPOOL_IOC_REQUESTS _IOWR(SPOOL_CTL_MAGIC, 3, struct spool_ctl_requests)

#define SPOOL_IOC_TIER _IOWR(SPOOL_CTL_MAGIC, 4, struct spool_ctl_tier)
#define SPOOL_IOC_SET _IOWR(SPOOL_CTL_MAGIC, 5, struct spool_ctl_set)
#define SPOOL_IOC_SPILL _IOWR(SPOOL_CTL_MAGIC, 6, struct spool_ctl_name)

#define SPOOL_IOC_DEBUG _IOWR(SPOOL_CTL_MAGIC, 7, struct spool_ctl_debug)

#define SPOOL_IOC_LIST _IOWR(SPOOL_CTL_MAGIC, 8, struct spool_ctl_files)
#define SPOOL_IOC_LIFE _IOWR(SPOOL_CTL_MAGIC, 9, struct spool_ctl_life)
#define SPOOL_IOC_CHANGE _IOWR(SPOOL_CTL_MAGIC, 10, struct spool_ctl_change)
#define SPOOL_IOC_SESSIONS _IOWR(SPOOL_CTL_MAGIC, 11, struct spool_ctl_sessions)
#define SPOOL_IOC_WIPE _IOWR(SPOOL_CTL_MAGIC, 12, struct spool_ctl_wipe)
#define SPOOL_IOC_SESSION_BEGIN _IOWR(SPOOL_CTL_MAGIC, 13, struct spool_ctl_begin)
#define SPOOL_IOC_SESSION_END _IOWR(SPOOL_CTL_MAGIC, 14, struct spool_ctl_end)
#define SPOOL_IOC_WHO _IOWR(SPOOL_CTL_MAGIC, 15, struct spool_ctl_who)
#define SPOOL_IOC_LIVES _IOWR(SPOOL_CTL_MAGIC, 16, struct spool_ctl_lives)

_Static_assert(sizeof(struct spool_ctl_sessions) <= SPOOL_CTL_MAX, "ioctl size");
_Static_assert(sizeof(struct spool_ctl_files) <= SPOOL_CTL_MAX, "ioctl size");
_Static_assert(sizeof(struct spool_ctl_debug) <= SPOOL_CTL_MAX, "ioctl size");
_Static_assert(sizeof(struct spool_ctl_status) <= SPOOL_CTL_MAX, "ioctl size");
_Static_assert(sizeof(struct spool_ctl_users) <= SPOOL_CTL_MAX, "ioctl size");
