/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The engine: one mount's files, names, limits and policy. It has one function for each filesystem
 * operation, in POSIX terms; those for the disk, for lifetimes and for the mount as a whole are in
 * headers of their own, which come with this one. What else of lib/ fs/ may include is in
 * lib/README.md, "Folders".
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
 * Permissions (read, write, search, sticky, ownership) are checked before an operation is called,
 * by the kernel (default_permissions) or in fs/ops/permission.h; the engine checks what the kernel
 * cannot know: the layout's rules, and the modes= policy.
 *
 * Locks: no function is called with a lock held, none returns with one held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "engine/engine_disk.h"
#include "engine/engine_life.h"
#include "engine/engine_state.h"
#include "engine/types.h"

struct spool_host;
struct spool_log;
struct spool_engine;

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
 * Overwrites the keys of what is on the disk, and gives the memory of file data back: a thread that
 * hangs in the kernel may keep the process for long. The rest goes with it: other memory, and files
 * of the backing, which have no names. NULL is allowed; nothing may be in progress or follow, but
 * what waits for the disk: it gets no data from there, and brings none there any more.
 */
void spool_engine_abandon(struct spool_engine *engine);

/* Names */

/** Return: 0 and [+lookup]; -ENOENT; -ENOTDIR. In the private root see lib/README.md, "Layouts". */
int spool_engine_lookup(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, struct spool_attr *ret);

/** spool_engine_was_looked_into() - may somebody remember what a name in the directory @ino means,
 * or that it means nothing? Locks: the directory's. Return: false also for what is no directory. */
bool spool_engine_was_looked_into(struct spool_engine *engine, uint64_t ino);

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
 * directory is removed, or @ino was unlinked or wiped (an O_TMPFILE file without a name is fine:
 * the kernel itself refuses one that was opened with O_EXCL).
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
 * SPOOL_KILL_SUIDGID, SPOOL_OUTSIDER. Return: bytes, and errors, as of spool_object_write(). An
 * error means that nothing was written, -EAGAIN and SPOOL_WOULD_BLOCK too. */
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

/* Extended attributes: user.* on files and directories; system.posix_acl_* with config.acl. In
 * private and single an ACL is accepted, and what it says as a mode is done: see acl.c. In
 * shared also trusted.* and security.capability, whose rules are the kernel's: it asks for the
 * latter's removal with a write or a chown. */

/* The owner alone may set it, so setxattr() must know who the caller is. */
#define SPOOL_XATTR_LIFETIME "user.spoolfs.lifetime"

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
