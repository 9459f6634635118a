/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Inodes.
 *
 * A node lives while somebody holds a reference. References are held by: each directory entry
 * that names it, each directory below it, each lookup that the kernel owes back, each open, and
 * each operation in progress. They are counted in the inode table, under the lock of its shard, so
 * that finding a node and taking a reference are one step; the last put takes it out of the table,
 * and whoever made it frees the node.
 *
 * Locks of a node, in order:
 *	lock		everything below, and the entries of a directory
 *	file->lock	a regular file's data; shared for reading
 * The charge account (user) is changed with both held and may be read with either.
 *
 * An inode is paid for by its owner (in private and single: by the owner of the tree), in SIZE
 * and RAM alike: the node, what a regular file needs besides its blocks from its first write on,
 * a symlink's target, xattrs and ACLs. A name is paid for by who made it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "util/lock.h"

struct spool_host;
struct spool_object;
struct spool_quota_user;
struct spool_dir;
struct spool_xattr;
struct spool_entry;
struct engine_session;
struct engine_lingerer;

TAILQ_HEAD(spool_file_list, spool_file);
LIST_HEAD(spool_name_list, spool_entry);
TAILQ_HEAD(spool_node_list, spool_node);

/** struct spool_file - data of a regular file; made with the first write */
struct spool_file {
	struct spool_rwlock lock;
	struct spool_object *object;    /* lock: this */
	uint64_t ino;                   /* lock: the engine's closed_lock, as the following */
	struct spool_file_list *closed; /* the list that it is on, see closed.c; or NULL */
	TAILQ_ENTRY(spool_file) closed_link;
	bool orphan; /* lock: closed_lock; on the engine's list of these */
	TAILQ_ENTRY(spool_file) orphan_link;
	TAILQ_ENTRY(spool_file) linger_link; /* lock: the engine's life.lock, as the following */
	uint64_t closed_ns;                  /* when it was closed last, while it lingers */
	uint64_t linger_ino;
	struct engine_lingerer *lingers; /* its names go if nobody opens it again; or NULL */
	struct spool_file_list *tier;    /* lock: the tier's, as the following; see evict.c */
	TAILQ_ENTRY(spool_file) tier_link;
	uint64_t tier_ino;
	uint64_t tier_round;
	bool said_bad;      /* that its data came back bad from the disk was logged */
	uint64_t tier_ram;  /* lock: this; bytes of data that its payer is noted to have in RAM */
	uint64_t tier_disk; /* lock: this; and on the disk */
	uint64_t rest_ns;   /* lock: this; when a rest began, see engine/rest.c */
};

struct spool_node {
	struct spool_node *table_next; /* lock: shard */
	uint64_t refs;                 /* lock: shard */
	uint64_t n_lookup;             /* lock: shard; part of refs */
	uint64_t ino;                  /* constant */
	struct spool_mutex lock;
	mode_t mode;    /* lock */
	uint32_t nlink; /* 0: an orphan */
	uint32_t n_open;
	uid_t uid;
	gid_t gid;
	uint32_t atime_ns, mtime_ns, ctime_ns;
	uint32_t btime_ns; /* constant, as the following: when it was made */
	int64_t btime_sec;
	int64_t atime_sec, mtime_sec, ctime_sec; /* lock */
	uint64_t charged;              /* metadata bytes of SIZE and RAM on user's account */
	struct spool_quota_user *user; /* a reference */
	struct spool_xattr *xattrs;
	struct spool_name_list names;   /* the entries that name it: nlink, or of a directory 1 */
	struct engine_session *session; /* a reference; NULL: the mount's own, or it has no name */
	uint64_t asked;                 /* the last request for its lifetime, see engine/tree.h */
	TAILQ_ENTRY(spool_node) session_link; /* the engine's life.lock; while LISTED */
	_Atomic uint64_t
		size; /* written under file->lock; of symlinks and directories: constant or lock */
	_Atomic uint64_t blocks;
	union {
		struct spool_file *file; /* regular: NULL until written */
		struct spool_dir *dir;
		char *target; /* symlink */
		dev_t rdev;   /* device */
	};
	mode_t type;        /* constant: mode & S_IFMT */
	uid_t tree;         /* constant: in private and single, whose tree it is in */
	uint8_t role;       /* constant: enum spool_node_role */
	uint8_t flags;      /* lock: enum spool_node_flags */
	_Atomic bool wiped; /* set once: its data have gone, and its names go */
	uint8_t lifetime;   /* lock: enum spool_lifetime; what a directory hands down as well */
};

enum spool_node_role {
	SPOOL_NODE_ORDINARY,
	SPOOL_NODE_TOP,  /* private: a uid's own directory */
	SPOOL_NODE_SELF, /* private: the self link */
};

enum spool_node_flags {
	SPOOL_NODE_TMPFILE = 1 << 0,   /* made by O_TMPFILE, never had a name */
	SPOOL_NODE_DROPPED = 1 << 1,   /* an orphan whose data have been freed */
	SPOOL_NODE_MTIME_SET = 1 << 2, /* since it was last written to, or opened for that */
	SPOOL_NODE_LOST_SAID = 1 << 3, /* that it has lost something was logged */
	SPOOL_NODE_LISTED = 1 << 4,    /* it goes with its session */
	SPOOL_NODE_WAITS = 1 << 5,     /* its session has ended, and it is not empty */
	SPOOL_NODE_WRITTEN = 1 << 6,   /* something has been, whatever is left of it */
	SPOOL_NODE_REAPED = 1 << 7,    /* a name has gone by itself, as the kernel may not know */
};

/** spool_node_new() - a node of @mode with no references, links or account. Return: NULL without
 * memory. */
struct spool_node *spool_node_new(const struct spool_host *host, mode_t mode);

/** spool_node_free() - frees memory only: data, entries, xattrs and account must be gone. */
void spool_node_free(const struct spool_host *host, struct spool_node *node);

/** spool_node_bytes() - memory of one inode of type @mode, as charged: a regular file's with what
 * its first write allocates besides blocks, so that a write that fails has changed no account. */
uint64_t spool_node_bytes(mode_t mode);

/** spool_node_set_times_locked() - which of 'a', 'm', 'c' in @which become @now. Lock: node->lock.
 */
void spool_node_set_times_locked(struct spool_node *node, const char *which,
				 const struct timespec *now) SPOOL_REQUIRES(node->lock);

/**
 * spool_node_kill_set_ids_locked() - what a change of data or owner takes from the mode
 * @outsider: the caller is outside of the file's group, and may not keep what is its
 * The set-user-ID bit, and the set-group-ID bit where the group may execute, or of an outsider;
 * nothing of a directory, where they mean something else. The rule of the VFS
 * (setattr_should_drop_suidgid()). Lock: node->lock.
 */
void spool_node_kill_set_ids_locked(struct spool_node *node, bool outsider)
	SPOOL_REQUIRES(node->lock);

/** spool_node_times_locked() - read them. Lock: node->lock. */
void spool_node_times_locked(const struct spool_node *node, struct timespec *atime,
			     struct timespec *mtime, struct timespec *ctime)
	SPOOL_REQUIRES(node->lock);
