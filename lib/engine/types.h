/* SPDX-License-Identifier: MIT */
#pragma once

/* What a mount is, and what the engine's operations take and give: see engine.h. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "quota/quota.h"
#include "util/errors.h"

#define SPOOL_INO_ROOT 1u /* FUSE_ROOT_ID */
#define SPOOL_GENERATION 1u
#define SPOOL_NAME_MAX 255u         /* NAME_MAX, limits.h: bytes, as on every Linux filesystem */
#define SPOOL_SYMLINK_MAX 4095u     /* PATH_MAX - 1, as on tmpfs */
#define SPOOL_LINK_MAX 0x7fffffffu  /* as tmpfs: bounded by nothing but the counter */
#define SPOOL_XATTR_SIZE_MAX 65536u /* XATTR_SIZE_MAX, linux/limits.h */
#define SPOOL_DIR_ENTRY_SIZE 20u    /* of st_size of a directory for each entry, as on tmpfs */
#define SPOOL_XATTR_LIST_MAX 65536u /* XATTR_LIST_MAX */

enum spool_layout { SPOOL_LAYOUT_PRIVATE, SPOOL_LAYOUT_SINGLE, SPOOL_LAYOUT_SHARED };
/* What becomes of modes in private and single: at creation, and of chmod. The numbers are
 * ctl/proto.h's as well. */
enum spool_modes {
	SPOOL_MODES_OWNER,  /* made with mode & 0700; chmod is honoured */
	SPOOL_MODES_KEEP,   /* both as asked for, with the umask */
	SPOOL_MODES_REFUSE, /* made with mode & 0700; chmod to more is -EPERM */
	SPOOL_MODES_STRICT, /* made with mode & 0700, and so is chmod */
};

/* How long an inode lives. A directory hands it down to what is made in it. */
enum spool_lifetime {
	SPOOL_LIFETIME_SESSION, /* until its session has ended */
	SPOOL_LIFETIME_CLOSE,   /* of a regular file: until it is closed; others: as SESSION */
	SPOOL_LIFETIME_MOUNT,   /* until the mount ends */
};

#define SPOOL_LINGER_MAX_MS 86400000u /* a day; a guess: longer is no lifetime of its own */

struct spool_backing;

/**
 * struct spool_tier_config - the disk beside the RAM
 * @backing: where spilled data go; owned by the engine from spool_engine_new() on, also when that
 *	fails
 * @encrypt: seal with AES-256-GCM, else with a checksum
 * @threshold: a file with more data than this spills, in bytes; UINT64_MAX: only for want of RAM
 * @reserve: bytes of the backing filesystem that stay free
 * @max_files: descriptors for the backing
 * @wake: there is something for spool_engine_spill() to do; called with locks held
 * @hurry: the same, at once, though it has just failed: somebody waits for whether it does again
 * @ram_free: RAM has come free for those who got -EAGAIN, or will not; called with locks held
 * @spilled: ask @id has ended (spool_engine_ask_spill()): @result 0, or -errno; called without
 *	locks
 * @ahead: there is something for spool_engine_read_ahead() to do, for one thread more; may be NULL
 * @ctx: for all of these
 */
struct spool_tier_config {
	struct spool_backing *backing;
	bool encrypt;
	uint64_t threshold;
	uint64_t reserve;
	unsigned int max_files;
	void (*wake)(void *ctx);
	void (*hurry)(void *ctx);
	void (*ram_free)(void *ctx);
	void (*spilled)(void *ctx, uint64_t id, int result);
	void (*ahead)(void *ctx);
	void *ctx;
};

/**
 * struct spool_config - what a mount is
 * @root_uid, @root_gid, @root_mode: the root directory's; in private it is always root's 0755
 * @acl: store system.posix_acl_*; only in shared, when the kernel enforces them
 * @tier: NULL: RAM only
 * @payer: who pays for what @uid has; called with locks held; NULL: everybody for himself
 * @returned: spool_engine_returned() has moved on, or spool_engine_orphans() tells of one less;
 *	called with locks held; may be NULL
 * @lifetime: of the root, which hands it down
 * @linger_ms: how long names of lifetime close stay after the last close; SPOOL_LINGER_MAX_MS at
 *	most
 * @session_inodes: @n more inodes (or less) have session @id; called with locks held, at most
 *	SPOOL_RANK_QUOTA; may be NULL
 * @reap: there is something for spool_engine_reap() to do, or earlier than it has said; called with
 *	locks held; may be NULL
 */
struct spool_config {
	enum spool_layout layout;
	enum spool_modes modes;
	uid_t root_uid;
	gid_t root_gid;
	mode_t root_mode;
	bool acl;
	struct spool_limits limits;
	const struct spool_tier_config *tier;
	uid_t (*payer)(void *ctx, uid_t uid);
	void *payer_ctx;
	void (*returned)(void *ctx);
	void *returned_ctx;
	enum spool_lifetime lifetime;
	uint64_t linger_ms;
	void (*session_inodes)(void *ctx, uint64_t id, int n);
	void (*reap)(void *ctx);
	void *life_ctx; /* for both */
};

#define SPOOL_UID_UNKNOWN ((uid_t)-1) /* of nobody; fs/transport/handshake.c says when */

/** struct spool_cred - on whose behalf: the caller's fsuid, fsgid, thread id and umask. What makes
 * an inode has ids; link() and rename() may have SPOOL_UID_UNKNOWN, and others do not ask.
 * @session: of what it makes, and of an O_TMPFILE file that it links; 0: that of the directory;
 *	SPOOL_SESSION_STAYS (life/sessions.h): none */
struct spool_cred {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	mode_t umask;
	uint64_t session;
};

/** struct spool_attr - an inode as stat(2) shows it; @blocks in 512-byte units */
struct spool_attr {
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	mode_t mode;
	uint32_t nlink;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime; /* when it was made */
};

enum spool_set {
	SPOOL_SET_MODE = 1 << 0,
	SPOOL_SET_UID = 1 << 1,
	SPOOL_SET_GID = 1 << 2,
	SPOOL_SET_SIZE = 1 << 3,
	SPOOL_SET_ATIME = 1 << 4,
	SPOOL_SET_MTIME = 1 << 5,
	SPOOL_SET_ATIME_NOW = 1 << 6,
	SPOOL_SET_MTIME_NOW = 1 << 7,
};

enum spool_write_flags {
	SPOOL_WRITE_PAGEOUT = 1 << 0, /* from the page cache: the caller's ids are unknown; it was
				       * stored some time ago, before a time that was set since */
};

/*
 * How long an operation on data may take; flags of spool_engine_open(), read(), write(),
 * fallocate(), copy_range() and setattr(), beside their own.
 *
 * With SPOOL_NOWAIT_DISK it does not wait for the disk: it answers SPOOL_WOULD_BLOCK, and the
 * caller asks again from a thread that may wait. What it had done by then is the same again.
 *
 * -EAGAIN says that nothing but RAM is used up, and that data are on their way to the disk: the
 * caller asks again when spool_tier_config.ram_free() says so. With SPOOL_LAST_TRY it does not want
 * to wait any longer: a write that has done a part says how much, anything else is -ENOSPC.
 */
#define SPOOL_NOWAIT_DISK (1u << 30)
#define SPOOL_LAST_TRY (1u << 29)
/* Of write(): it was answered -EAGAIN before. Without it a disk that was full just now is asked
 * once more. */
#define SPOOL_WAITED (1u << 26)

/*
 * What becomes of the set-id bits of a file; flags of every operation that changes data: open()
 * with SPOOL_OPEN_TRUNCATE, write(), fallocate(), copy_range(), and setattr() with SPOOL_SET_SIZE.
 *
 * With SPOOL_KILL_SUIDGID they are cleared, as the rule of spool_node_kill_set_ids_locked() says;
 * without it they stay. A change of owner or group always clears them. With SPOOL_OUTSIDER the
 * caller is not in the file's group and lacks CAP_FSETID, which the rule asks for.
 */
#define SPOOL_KILL_SUIDGID (1u << 28)
#define SPOOL_OUTSIDER (1u << 27)
