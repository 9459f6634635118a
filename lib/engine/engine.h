/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The engine: one mount's files, names, limits and policy. It has one function for each filesystem
 * operation, in POSIX terms. What else of lib/ fs/ may include is in lib/README.md, "Folders".
 *
 * Calling sequence: spool_engine_new(); any operations from any threads; spool_engine_free()
 * when no thread is inside any more (it drops every file, open or not).
 *
 * Identifiers. "ino" is the inode number: what stat shows, what the kernel calls the nodeid, and
 * the only handle that callers hold. It is counted up from SPOOL_INO_ROOT and never used twice
 * within a mount (so a generation is not needed: it is always SPOOL_GENERATION). An ino that does
 * not exist (any more) is answered -ESTALE by every operation: a hostile or late request can
 * never reach freed memory.
 *
 * Lookup counts. Every operation that returns an attribute marked [+lookup] adds one to the
 * count that the caller owes back by spool_engine_forget(). A file lives while it has a name, a
 * count, or an open. Opens are counted likewise: [+open] is owed back by spool_engine_release().
 * An inode without a name is an orphan: removed, or made by O_TMPFILE and not linked yet.
 *
 * Errors are negative errno values; on any error nothing has changed and nothing is owed.
 * -ESTALE, -ENOMEM, and for names -ENAMETOOLONG (over SPOOL_NAME_MAX bytes) and -EINVAL (empty,
 * "." or "..", or with a slash) are possible wherever they make sense, and are not repeated below.
 * -ENOSYS is never returned.
 *
 * Permissions (read, write, search, sticky, ownership) are checked by the kernel
 * (default_permissions) before a request is sent; the engine checks what the kernel cannot know:
 * the layout's rules, and the modes= policy.
 *
 * Locks: no function is called with a lock held, none returns with one held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "quota/quota.h"
#include "util/errors.h"

struct spool_host;
struct spool_log;
struct spool_engine;

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
	void *ctx;
};

/**
 * struct spool_config - what a mount is
 * @root_uid, @root_gid, @root_mode: the root directory's; in private it is always root's 0755
 * @acl: store system.posix_acl_*; only in shared, when the kernel enforces them
 * @tier: NULL: RAM only
 * @payer: who pays for what @uid has; called with locks held; NULL: everybody for himself
 * @returned: as often as spool_engine_returned() moves on; called with locks held; may be NULL
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
 * @session: of what it makes, and of an O_TMPFILE file that it links; 0: that of the directory */
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

/**
 * spool_engine_new() - an empty mount
 * @host, @log: borrowed until spool_engine_free(); @log may be NULL
 * Return: 0; -ENOMEM; -EINVAL @config makes no sense; what the host's calls returned.
 */
int spool_engine_new(const struct spool_config *config, const struct spool_host *host,
		     struct spool_log *log, struct spool_engine **ret_engine);

/**
 * spool_engine_free() - forget everything; NULL is allowed
 * Return: true when all accounts came out at zero; false after an accounting error (logged).
 */
bool spool_engine_free(struct spool_engine *engine);

/**
 * spool_engine_abandon() - instead of spool_engine_free(), when the process is about to end
 * Overwrites the keys of what is on the disk. The rest goes with the process: memory, and files of
 * the backing, which have no names. NULL is allowed; nothing may be in progress or follow.
 */
void spool_engine_abandon(struct spool_engine *engine);

/* Names */

/** Return: 0 and [+lookup]; -ENOENT; -ENOTDIR. In the private root see lib/README.md, "Layouts". */
int spool_engine_lookup(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, struct spool_attr *ret);

/**
 * spool_engine_lookup_ino() - an inode of any kind by its number, as file handles name it
 * Return: 0 and [+lookup]; -ESTALE also for one that has neither a name nor an open, but for an
 * O_TMPFILE file, which may still get a name.
 */
int spool_engine_lookup_ino(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret);

/** spool_engine_lookup_parent() - the directory above @ino. Return: 0 and [+lookup]; -ENOTDIR. */
int spool_engine_lookup_parent(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret);

/** Gives @count lookups back. An unknown @ino or too large a @count is logged and clipped. */
void spool_engine_forget(struct spool_engine *engine, uint64_t ino, uint64_t count);

/**
 * spool_engine_create() - create and open a regular file
 * Never opens an existing file: the kernel has not checked the caller's rights on it.
 * Return: 0 and [+lookup] [+open]; -EEXIST; -ENOENT the directory is removed; -ENOTDIR;
 * -EPERM in the private root; -ENOSPC, -EDQUOT.
 */
int spool_engine_create(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, mode_t mode, struct spool_attr *ret);

/** O_TMPFILE: as create, without a name (nlink 0); spool_engine_link() may give it one. */
int spool_engine_tmpfile(struct spool_engine *engine, const struct spool_cred *cred,
			 uint64_t parent, mode_t mode, struct spool_attr *ret);

/** mknod: regular, FIFO, socket; devices in shared only, else -EPERM. As create, without the open.
 */
int spool_engine_mknod(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name, mode_t mode, dev_t rdev, struct spool_attr *ret);

/** Return: as create, [+lookup]. */
int spool_engine_mkdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name, mode_t mode, struct spool_attr *ret);

/** @target: 1 to SPOOL_SYMLINK_MAX bytes, else -ENOENT or -ENAMETOOLONG. Return: as create,
 * [+lookup]. */
int spool_engine_symlink(struct spool_engine *engine, const struct spool_cred *cred,
			 uint64_t parent, const char *name, const char *target,
			 struct spool_attr *ret);

/**
 * spool_engine_link() - one more name; also the first name of a tmpfile
 * Return: 0 and [+lookup]; -EEXIST; -EPERM a directory, or the private root; -EMLINK; -ENOENT the
 * directory is removed, or @ino was unlinked (an O_TMPFILE file without a name is fine: the
 * kernel itself refuses one that was opened with O_EXCL).
 */
int spool_engine_link(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
		      uint64_t parent, const char *name, struct spool_attr *ret);

/** Return: 0; -ENOENT; -EISDIR; -EPERM in the private root. */
int spool_engine_unlink(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name);

/** Return: 0; -ENOENT; -ENOTDIR; -ENOTEMPTY; -EPERM in the private root. */
int spool_engine_rmdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name);

/**
 * spool_engine_rename() - rename(2) and renameat2(2), atomic
 * @flags: 0, RENAME_NOREPLACE or RENAME_EXCHANGE; in shared RENAME_WHITEOUT with or without
 *	RENAME_NOREPLACE, which leaves a character device 0:0 of @cred in the old place
 * Return: 0; -ENOENT; -EEXIST (NOREPLACE); -ENOTEMPTY; -EISDIR; -ENOTDIR; -EINVAL other flags, or a
 * directory into itself; -EPERM from or to the private root; -EXDEV in private from one user's tree
 * to another's; -ENOSPC, -EDQUOT.
 */
int spool_engine_rename(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, uint64_t new_parent, const char *new_name,
			unsigned int flags);

/**
 * spool_engine_readlink() - the target with a final NUL into @buf of SPOOL_SYMLINK_MAX + 1 bytes
 * The private root's "self" answers the caller's own directory. Return: 0; -EINVAL no symlink.
 */
int spool_engine_readlink(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			  char *buf);

/**
 * spool_engine_readdir() - entries after @cookie, in an order that never changes
 * @cookie: 0 to begin, then the cookie of the last entry that was taken
 * @end: of one open directory, 0 at first; where its listing ends: set here with @cookie 0 to what
 *	is there now. Entries that come later, also by a rename, are not in it: who renames what he
 *	reads would never be done. Protected by the directory's lock. NULL: there is no end
 * @plus: fill complete attributes and give [+lookup] for every entry that @emit took, but for "."
 *	and ".."; else only ino and the type bits of mode are set
 * @emit: takes one entry, or returns false when it has no room (then it is not counted as taken and
 *	the walk ends). Called with the directory's lock held: it only copies, never replies, and
 *	does not keep the name
 * An entry that exists throughout is seen exactly once, whatever else comes and goes.
 * Return: 0; -ENOTDIR.
 */
typedef bool (*spool_emit_fn)(void *arg, const char *name, size_t name_len,
			      const struct spool_attr *attr, uint64_t cookie);
int spool_engine_readdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			 uint64_t cookie, uint64_t *end, bool plus, spool_emit_fn emit, void *arg);

/* Attributes */

/** spool_engine_getattr() - stat(2). Return: 0; -ESTALE. */
int spool_engine_getattr(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret);

/**
 * spool_engine_setattr() - chmod, chown, truncate, utimens
 * @set: enum spool_set, SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY, SPOOL_OUTSIDER
 * @attr: the new values of what is set
 * Return: 0 and the result in *@ret; -EPERM by the modes or layout policy; -EFBIG; -EDQUOT,
 * -ENOSPC; -EISDIR, -EINVAL for the size of what is not a regular file; -EINVAL size and owner in
 * one call, which the kernel never asks for; SPOOL_WOULD_BLOCK, -EAGAIN.
 */
int spool_engine_setattr(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			 unsigned int set, const struct spool_attr *attr, struct spool_attr *ret);

/** struct spool_statfs - the caller's own view: limits and what is left of them; 4 KiB blocks */
struct spool_statfs {
	uint64_t blocks;
	uint64_t blocks_free;
	uint64_t inodes;
	uint64_t inodes_free;
};

/** spool_engine_statfs() - what @cred->uid may still use: the smaller of its own and the mount's
 * remainders; the totals are never 0. Return: 0. */
int spool_engine_statfs(struct spool_engine *engine, const struct spool_cred *cred,
			struct spool_statfs *ret);

/* Data */

enum spool_open_flags {
	SPOOL_OPEN_TRUNCATE = 1 << 0, /* O_TRUNC */
	SPOOL_OPEN_WRITE =
		1 << 1, /* what is stored from here on is newer than a time that was set */
};

/**
 * spool_engine_open() - one more open; regular files and directories
 * @flags: enum spool_open_flags, SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY, SPOOL_KILL_SUIDGID,
 *	SPOOL_OUTSIDER
 * Return: 0 and [+open], also without a name, as the caller may have looked it up just before;
 * -ESTALE its room was taken back by spool_engine_drop_orphans(), or spool_engine_reap() has
 * removed its last name and nobody has it open (the VFS then looks up again).
 */
int spool_engine_open(struct spool_engine *engine, uint64_t ino, unsigned int flags);

/** spool_engine_release() - gives one open back. */
void spool_engine_release(struct spool_engine *engine, uint64_t ino);

/** @flags: SPOOL_NOWAIT_DISK. Return: bytes, short at the end of the file; -EISDIR, -EINVAL;
 * SPOOL_WOULD_BLOCK; -EIO what came from the disk is not what went there, or a page is lost. */
ssize_t spool_engine_read(struct spool_engine *engine, uint64_t ino, void *buf, size_t len,
			  uint64_t off, unsigned int flags);

/** @flags: enum spool_write_flags, SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY, SPOOL_WAITED,
 * SPOOL_KILL_SUIDGID, SPOOL_OUTSIDER. Return: bytes, and errors, as of spool_object_write(). */
ssize_t spool_engine_write(struct spool_engine *engine, uint64_t ino, const void *buf, size_t len,
			   uint64_t off, unsigned int flags);

/**
 * spool_engine_fallocate() - reserve, punch or zero @len bytes from @off
 * @mode: 0 or FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | _KEEP_SIZE, FALLOC_FL_ZERO_RANGE with or
 *	without _KEEP_SIZE
 * @flags: SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY, SPOOL_KILL_SUIDGID, SPOOL_OUTSIDER
 * Return: 0; -EOPNOTSUPP another mode; -EFBIG; -ENOSPC, -EDQUOT, -ENOMEM; -EISDIR, -EINVAL; -EIO
 * lost pages would be reserved, or zeroed in part; SPOOL_WOULD_BLOCK, -EAGAIN.
 */
int spool_engine_fallocate(struct spool_engine *engine, uint64_t ino, int mode, uint64_t off,
			   uint64_t len, unsigned int flags);

/**
 * spool_engine_lose() - a page-out has been refused for good: see spool_object_lose()
 * @off, @len: bytes of the file that were to be written
 * @error: why, -errno; logged for the first of each file
 * Reading a page that is lost fails with -EIO, and so does writing a part of it.
 */
void spool_engine_lose(struct spool_engine *engine, uint64_t ino, uint64_t off, size_t len,
		       int error);

/**
 * spool_engine_seek() - lseek(2) with SEEK_DATA or SEEK_HOLE
 * Return: the offset in bytes; -ENXIO @off is past the end, or there is no more data; -EINVAL
 * another @whence, or no regular file; -EISDIR.
 */
int64_t spool_engine_seek(struct spool_engine *engine, uint64_t ino, uint64_t off, int whence);

/**
 * spool_engine_copy_range() - copy up to @len bytes within the mount; holes stay holes
 * @flags: SPOOL_NOWAIT_DISK, SPOOL_LAST_TRY, SPOOL_KILL_SUIDGID, SPOOL_OUTSIDER
 * Return: bytes copied, short at the end of the source and where no more fits; -EINVAL the ranges
 * overlap, or no regular file; -EISDIR; -EFBIG; -ENOSPC, -EDQUOT, -ENOMEM, -EIO, SPOOL_WOULD_BLOCK,
 * -EAGAIN when nothing was copied.
 */
ssize_t spool_engine_copy_range(struct spool_engine *engine, uint64_t src, uint64_t src_off,
				uint64_t dst, uint64_t dst_off, size_t len, unsigned int flags);

/** struct spool_tiers - where the data of a file are: bytes of RAM that they take, and bytes of
 * whole pages on the disk. What is reserved and has no data is in neither. */
struct spool_tiers {
	uint64_t ram;
	uint64_t disk;
};

/** spool_engine_tiers() - of any inode: zeros where it has no data. Waits for no disk. Takes a
 * node's and a file's lock. Return: 0; -ESTALE. */
int spool_engine_tiers(struct spool_engine *engine, uint64_t ino, struct spool_tiers *ret);

/* The disk */

struct spool_batch;

enum spool_spill_result {
	SPOOL_SPILL_IDLE,  /* nothing to do until wake() */
	SPOOL_SPILL_MORE,  /* something was done; call again */
	SPOOL_SPILL_LATER, /* call again in about a second: what is left was written just now */
};

/** spool_engine_new_batch() - what a thread that spills needs. Return: 0; -ENOMEM. */
int spool_engine_new_batch(struct spool_engine *engine, struct spool_batch **ret_batch);

/** spool_engine_free_batch() - when its thread has ended. NULL is allowed. */
void spool_engine_free_batch(struct spool_batch *batch);

/**
 * spool_engine_spill() - one batch on its way to the disk, and space given back there
 * From any number of threads, each with a batch of its own. Blocks as long as the disk does.
 * Return: enum spool_spill_result; -ENOSPC, -EIO, ...: the disk does not take it; it stays in RAM,
 * want of RAM is -ENOSPC until it does again, and the caller tries again in a second, or when it is
 * hurried.
 */
int spool_engine_spill(struct spool_engine *engine, struct spool_batch *batch);

/**
 * spool_engine_ask_spill() - all of the file @ino to the disk now, by spool_engine_spill()
 * @id: which ask it is, for spool_tier_config.spilled(); the caller's choice
 * Payers take turns. Waits for nothing. Return: 0: spilled() follows, unless it is forgotten;
 * -ESTALE, -EISDIR, -EINVAL; -EOPNOTSUPP without a disk; -ENOMEM.
 */
int spool_engine_ask_spill(struct spool_engine *engine, uint64_t ino, uint64_t id);

/** spool_engine_forget_ask() - nobody wants to know about @id any more; what was not begun is not
 * done. When it has just ended, spilled() may still come. */
void spool_engine_forget_ask(struct spool_engine *engine, uint64_t id);

/**
 * struct spool_tier_stat - in bytes
 * @stored: data on the disk; @written, @fetched: ever; @n_failed: batches that the disk did not
 * take; @n_bad: pieces that were not what was written; @files: open files of the backing
 * @threshold, @reserve: in force; @budget: of RAM, for metadata and data: ram=, or less under
 * memory pressure
 * @space_free, @space_total: of the backing filesystem, @space_age_ms ago, when it was last asked:
 * with each batch, and for spool_engine_look()
 */
struct spool_tier_stat {
	uint64_t threshold, reserve, budget;
	uint64_t stored, written, fetched, n_failed, n_bad;
	uint64_t space_free, space_total, space_age_ms;
	unsigned int files;
	bool keys_locked, failing;
};

/** spool_engine_tier_stat() - does not wait for the disk. Return: false without one. */
bool spool_engine_tier_stat(struct spool_engine *engine, struct spool_tier_stat *ret);

/** spool_engine_look() - a thread that spills is to ask the backing filesystem for its space, which
 * spool_engine_tier_stat() tells from then on. Does not wait. No locks. */
void spool_engine_look(struct spool_engine *engine);

/** spool_engine_set_threshold(), spool_engine_set_reserve(): change them on the live mount. */
void spool_engine_set_threshold(struct spool_engine *engine, uint64_t threshold);
void spool_engine_set_reserve(struct spool_engine *engine, uint64_t reserve);

/** spool_engine_set_limits() - as spool_quota_set_limits(). */
void spool_engine_set_limits(struct spool_engine *engine, const struct spool_limits *limits);

/* Extended attributes: user.* on files and directories; system.posix_acl_* with config.acl. In
 * private and single an ACL is accepted, and what it says as a mode is done: see acl.c. In
 * shared also trusted.* and security.capability, whose rules are the kernel's: it asks for the
 * latter's removal with a write or a chown. */

/* Of setxattr(), beside its own: who sets an access ACL is outside the file's group. */
#define SPOOL_XATTR_KILL_SGID (1 << 16)

/**
 * @flags: XATTR_CREATE, XATTR_REPLACE, SPOOL_XATTR_KILL_SGID: an access ACL drops the set-group-ID
 * bit. user.spoolfs.lifetime is session, close or mount, as spool_engine_set_lifetime() sets it; it
 * is not listed. Return: 0; -EEXIST; -ENODATA; -EOPNOTSUPP another namespace or another of
 * user.spoolfs.*; -EINVAL no lifetime; -EPERM; -ERANGE name; -E2BIG value; -ENOSPC names over
 * SPOOL_XATTR_LIST_MAX; -EDQUOT.
 */
int spool_engine_setxattr(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			  const char *name, const void *value, size_t size, int flags);

/** @size 0 asks for the length. Return: length; -ENODATA; -ERANGE @size is too small; -EOPNOTSUPP.
 */
ssize_t spool_engine_getxattr(struct spool_engine *engine, uint64_t ino, const char *name,
			      void *buf, size_t size);

/** @trusted: in: list trusted.* too; out: some were left out. NULL: leave them out. Return: length
 * of the NUL-separated names; -ERANGE. */
ssize_t spool_engine_listxattr(struct spool_engine *engine, uint64_t ino, char *buf, size_t size,
			       bool *trusted);

/** spool_engine_removexattr() - Return: 0; -ENODATA; -EOPNOTSUPP another namespace. */
int spool_engine_removexattr(struct spool_engine *engine, const struct spool_cred *cred,
			     uint64_t ino, const char *name);

/*
 * Lifetimes and sessions
 *
 * Which processes are a session, and when it has ended, is not known here: who makes an inode says
 * its session (struct spool_cred), and spool_engine_session_end() that one has ended. Nothing is
 * removed in a call but spool_engine_reap().
 */

/** spool_engine_session_end() - everything in session @id goes that does not stay until the mount
 * ends. Waits for nothing; spool_engine_reap() removes. */
void spool_engine_session_end(struct spool_engine *engine, uint64_t id);

/**
 * spool_engine_session_of() - in which session spool_creator.directory is: of the explicit one that
 * covers the directory @ino, else its own
 * Return: its id; 0: none, or it has ended, or @ino is no directory (any more).
 */
uint64_t spool_engine_session_of(struct spool_engine *engine, uint64_t ino);

/**
 * spool_engine_asks_session() - does what is made in the directory @ino go with a session?
 * @ret_session: as spool_engine_session_of(); set unless it does not
 */
bool spool_engine_asks_session(struct spool_engine *engine, uint64_t ino, uint64_t *ret_session);

/** spool_engine_set_default_lifetime() - as config.lifetime, for what is made from now on: of the
 * root, and in private of the users' directories. What there is stays what it is. */
void spool_engine_set_default_lifetime(struct spool_engine *engine, enum spool_lifetime lifetime);

/** struct spool_removed - a name that spool_engine_reap() has removed, for the kernel to forget; or
 * with @parent 0 and @len 0 an open file that was wiped, whose pages it is to drop */
struct spool_removed {
	uint64_t parent;
	uint64_t ino;
	uint8_t len;
	char name[SPOOL_NAME_MAX + 1]; /* NUL-terminated */
};

enum spool_reap {
	SPOOL_REAP_NOTHING, /* to do until reap() of the configuration */
	SPOOL_REAP_MORE,    /* call again */
	SPOOL_REAP_LATER,   /* call again in *@ret_ms milliseconds, or when reap() says so */
};

/**
 * spool_engine_reap() - removes what is to go, up to @n names, in bounded time
 * @ret, @n: room for the names that were removed, @n > 0; *@ret_n: how many there are
 * Of sessions that have ended, which take turns, and of closed files whose linger is over. Follows
 * nothing, and asks for no modes. A directory that holds something else stays until that has gone.
 * What is open loses its names and
 * lives on until it is closed. From one thread or several. Takes locks of directories, as unlink()
 * does, one at a time; never waits for the disk. Return: enum spool_reap.
 */
int spool_engine_reap(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n, uint64_t *ret_ms);

/** spool_engine_set_linger() - on the live mount, for all that linger now as well; up to
 * SPOOL_LINGER_MAX_MS. */
void spool_engine_set_linger(struct spool_engine *engine, uint64_t linger_ms);

/**
 * spool_engine_set_lifetime() - @lifetime for the inode @ino, and with @tree for all below it
 * @by: whose inodes may be changed: those in his tree (private, single), that he owns (shared); 0,
 *	SPOOL_UID_UNKNOWN: anybody's. Those of others below are left out, with what is below them
 * A directory hands it down from now on. What is below is done by spool_engine_reap(); what is
 * moved meanwhile may be missed. CLOSE takes effect with the next close.
 * Return: 0; -EPERM it is another's, or the private root or its self link; -EINVAL no lifetime;
 * -EBUSY somebody else's request for a tree is still being done there.
 */
int spool_engine_set_lifetime(struct spool_engine *engine, uid_t by, uint64_t ino,
			      enum spool_lifetime lifetime, bool tree);

/**
 * spool_engine_expire() - @ino goes as when its session has ended, and all below it
 * @by: as of set_lifetime()
 * What is below and stays until the mount ends does so, and with it the directories above it,
 * unless @ino is to stay until then itself: then all goes. The root and a uid's directory stay.
 * spool_engine_reap() removes. Return: as spool_engine_set_lifetime().
 */
int spool_engine_expire(struct spool_engine *engine, uid_t by, uint64_t ino);

/**
 * spool_engine_wipe() - all that there is now loses its data and goes, whatever its lifetime
 * @tree: in private, only what is in the tree of this uid; NULL: everything
 * Also what has no name and is still open: reading, writing and resizing are -EIO from then on, and
 * opening is -ESTALE. The root, uids' directories and the self link stay, as does what is made
 * afterwards, and a directory that it is made in until it is empty. spool_engine_reap() does it.
 * Return: 0; -ENOMEM.
 */
int spool_engine_wipe(struct spool_engine *engine, const uid_t *tree);

/**
 * spool_engine_bind() - what is made below the directory @ino is of session @id from now on
 * Whoever makes it, and until that session has ended. A directory below that is bound to another
 * stays so. Directories that are there already are done by spool_engine_reap(), as with
 * set_lifetime(). Nothing asks whose it is. Return: 0, also if the session has ended; -ENOTDIR;
 * -EPERM the private root; -EBUSY; -ENOSPC, -EDQUOT.
 */
int spool_engine_bind(struct spool_engine *engine, uint64_t ino, uint64_t id);

/**
 * struct spool_life - when an inode goes
 * @session: 0: the mount's own, which does not end; @ended: that it has, or that it has expired
 * @bound: of a directory: the explicit session of what is made in it, 0: none
 * @linger_ms: until its names go, if nobody opens it; UINT64_MAX: it is open, or does not linger
 * @waits_for: of a directory that goes when it is empty: something that is in it; else ""
 */
struct spool_life {
	enum spool_lifetime lifetime;
	bool ended;
	bool is_open;
	uint64_t linger_ms;
	uint64_t session;
	uint64_t bound;
	char waits_for[SPOOL_NAME_MAX + 1];
};

/** spool_engine_life() - Return: 0; -ESTALE. */
int spool_engine_life(struct spool_engine *engine, uint64_t ino, struct spool_life *ret);

/**
 * struct spool_life_stat - @removed: names, ever; @waiting: directories that go when they are
 * empty; @lingering: closed files whose names go; @sessions: that an inode has; @ended: of these,
 * with something to be removed now
 */
struct spool_life_stat {
	uint64_t removed;
	uint64_t waiting;
	uint64_t lingering;
	uint64_t sessions;
	uint64_t ended;
};

/** spool_engine_life_stat() - a snapshot. */
void spool_engine_life_stat(struct spool_engine *engine, struct spool_life_stat *ret);

/* What is going on */

/** struct spool_engine_stat - @ram_held: bytes of the arena that the system has given us */
struct spool_engine_stat {
	struct spool_usage usage;
	uint64_t ram_held;
	uint64_t inodes;
	uint64_t open_files;
};

/**
 * spool_engine_drop_orphans() - frees the data of removed files that nobody has open
 * The kernel forgets them soon, and then they are freed anyway. This is for a caller that wants the
 * room, or counts it, before that. Return: how many files lost their data.
 */
size_t spool_engine_drop_orphans(struct spool_engine *engine);

/** spool_engine_orphans() - how many there are. Their room comes back when they are closed; until
 * it has, they are counted. */
uint64_t spool_engine_orphans(struct spool_engine *engine);

/** spool_engine_orphans_of() - how many @payer is charged for. Takes the quota's lock. */
uint64_t spool_engine_orphans_of(struct spool_engine *engine, uid_t payer);

/**
 * spool_engine_returned() - how often room of orphans has come back so far
 * A caller that was refused room may try again when there are orphans, or when this count is not
 * what it was before the refusal; otherwise it was refused for good. Look at the orphans first.
 */
uint64_t spool_engine_returned(struct spool_engine *engine);

/**
 * spool_engine_payer() - who is charged for what a request does
 * @cred: whose it is, as the kernel says: uid and pid 0, or SPOOL_UID_UNKNOWN, when nobody's
 * @ino: what it is about; it may have gone
 * The owner of the caller's uid, if that is a subordinate one. Of what nobody has asked for, and of
 * root's requests in a user's tree (private and single): who pays for the inode. Locks: a node's.
 */
uid_t spool_engine_payer(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino);

/**
 * spool_engine_take_closed() - files with data that have been closed for a whole round, up to @n
 * The caller makes the kernel drop their pages. Return: how many inode numbers are in @ret_inos.
 */
size_t spool_engine_take_closed(struct spool_engine *engine, uint64_t *ret_inos, size_t n);

/** spool_engine_next_round() - a round begins. Return: whether take_closed() has any now. */
bool spool_engine_next_round(struct spool_engine *engine);

/** struct spool_engine_pos - where spool_engine_list_known() goes on; zero at its beginning */
struct spool_engine_pos {
	unsigned int shard;
	uint64_t bucket, skip;
};

/**
 * spool_engine_list_known() - inodes of which the kernel may have cached something, up to @n
 * @pos: moved on; for listings while nothing is made or removed, in bounded steps
 * All that it has looked up, with a name or without, and the root. Some may come twice. Return: how
 * many numbers are in @ret_inos; 0: there are no more.
 */
size_t spool_engine_list_known(struct spool_engine *engine, struct spool_engine_pos *pos,
			       uint64_t *ret_inos, size_t n);

/** spool_engine_is_open() - has anybody this inode open? Locks: the node's. */
bool spool_engine_is_open(struct spool_engine *engine, uint64_t ino);

/**
 * spool_engine_trim() - gives memory that was not used again in a round back to the system
 * Return: whether some is still kept.
 */
bool spool_engine_trim(struct spool_engine *engine);

/**
 * spool_engine_squeeze() - the machine is short of memory: use less
 * The RAM for data becomes three quarters of what they use, data above it go to the disk, and free
 * memory to the system. Without a disk only the latter. Metadata stay, and each payer has a share
 * whatever others use; who has more than that in metadata alone has none for data. Return: the
 * budget in bytes.
 */
uint64_t spool_engine_squeeze(struct spool_engine *engine);

/** spool_engine_relax() - a step back. Return: whether there are more. */
bool spool_engine_relax(struct spool_engine *engine);

/** spool_engine_stat() - the mount as a whole; a snapshot. */
void spool_engine_stat(struct spool_engine *engine, struct spool_engine_stat *ret);

/** spool_engine_next_refusal() - as spool_quota_next_refusal(), by the host's clock. */
bool spool_engine_next_refusal(struct spool_engine *engine, struct spool_refusal *ret);

/** spool_engine_user_usage(), spool_engine_next_user(): as in quota.h. */
void spool_engine_user_usage(struct spool_engine *engine, uid_t uid, struct spool_usage *ret);
bool spool_engine_next_user(struct spool_engine *engine, uint64_t from, uid_t *ret_uid,
			    struct spool_usage *ret);
