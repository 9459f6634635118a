/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Permissions on a mount of one user. The kernel lets nobody in but the user who mounts, and checks
 * nothing itself (no default_permissions), so that it need not ask for the mode of a directory
 * again after each change in it. So each handler asks here first. On all other mounts the answer is
 * 0 at once, as the kernel has checked.
 *
 * What the kernel finds in its cache it does not ask about. So names in a directory are cached only
 * while all whom the kernel lets in may search it, without a capability; when that ends they are
 * expired: before the change is answered, but on root's mounts right after it. Nobody but the user
 * is served, by the uid for files: a process of his that has set another one (setfsuid(2)) gets
 * EACCES.
 *
 * Of FIFOs and sockets the kernel does not tell who opens or connects to them.
 */

#include "fs.h"

/* What a handler asks before it acts. Return, of all: 0; -EACCES, -EPERM; -ESTALE. */

/** permission_to() - @mask: enum spool_permit_mask */
int permission_to(fuse_req_t req, fuse_ino_t ino, unsigned int mask);

/** permission_to_remove() - the entry @name of @parent; a name that is not there is no error */
int permission_to_remove(fuse_req_t req, fuse_ino_t parent, const char *name);

/** permission_to_rename() - all that rename(2) asks for; @flags: as of renameat2(2) */
int permission_to_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
			 const char *new_name, unsigned int flags);

/** permission_to_link() - the entry of @parent, and another name of @ino. */
int permission_to_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent);

/** permission_to_open() - @flags: of open(2), with the kernel's own for execve(2). */
int permission_to_open(fuse_req_t req, fuse_ino_t ino, int flags);

/** permission_to_set() - see spool_permit_set(), which may change @wanted. @before: what @ino was,
 * for permission_changed(). */
int permission_to_set(fuse_req_t req, fuse_ino_t ino, unsigned int set, bool opened,
		      struct spool_attr *wanted, struct spool_attr *before);

/** permission_to_xattr() - @mask: to read, or to write and remove, attribute @name */
int permission_to_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, unsigned int mask);

/** permission_may_cache() - what the kernel may keep of names in @parent. Return: enum reply_cached
 */
unsigned int permission_may_cache(struct spool_fs *fs, fuse_ino_t parent);

/** permission_moved() - an entry has moved from one directory to another, or the other way, which
 * is not answered yet. */
void permission_moved(struct spool_fs *fs, fuse_ino_t from, fuse_ino_t to);

/** permission_changed() - @before and @after a change of a mode or an owner, which is not answered
 * yet. */
void permission_changed(struct spool_fs *fs, const struct spool_attr *before,
			const struct spool_attr *after);
