/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who may do what, as the VFS decides it: on a mount of one user the kernel leaves that to us
 * (fs/ops/permission.h). Nothing here asks anybody but the caller's functions; the common answer,
 * that the mode says yes, needs none of them.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "engine/engine.h"

/** enum spool_permit_mask - what somebody wants to do; bits as of access(2) */
enum spool_permit_mask {
	SPOOL_MAY_EXEC = 1, /* of a directory: to search it */
	SPOOL_MAY_WRITE = 2,
	SPOOL_MAY_READ = 4,
};

/**
 * struct spool_subject - who asks
 * @uid, @gid: those that files are opened with
 * @in_group: is @gid one of his supplementary groups?
 * @has: has he effective capability @cap (linux/capability.h) over an inode of @attr's owner and
 *	group? Both may take 0.1 ms
 * @ctx: for both
 */
struct spool_subject {
	uid_t uid;
	gid_t gid;
	bool (*in_group)(void *ctx, gid_t gid);
	bool (*has)(void *ctx, unsigned int cap, const struct spool_attr *attr);
	void *ctx;
};

/** spool_permit() - generic_permission(): by the mode of @attr, else by a capability. @mask: enum
 * spool_permit_mask; 0: nothing. Return: 0; -EACCES. */
int spool_permit(const struct spool_subject *subject, const struct spool_attr *attr,
		 unsigned int mask);

/** spool_permit_owner() - for what only the owner may do. Return: 0; -EPERM. */
int spool_permit_owner(const struct spool_subject *subject, const struct spool_attr *attr);

/** spool_permit_sticky() - may @attr lose its name in @dir, as far as the sticky bit of @dir is
 * concerned? Return: 0; -EPERM. */
int spool_permit_sticky(const struct spool_subject *subject, const struct spool_attr *dir,
			const struct spool_attr *attr);

/** spool_permit_link() - another name for @attr, by the rule of fs.protected_hardlinks=1, whatever
 * that is here. Return: 0; -EPERM. */
int spool_permit_link(const struct spool_subject *subject, const struct spool_attr *attr);

/**
 * spool_permit_set() - chmod, chown, utimens, truncate
 * @attr: what the inode is now; @set: enum spool_set, others are passed over
 * @wanted: the new values; the set-group-ID bit is taken from its mode where the caller may not set
 *	it
 * @opened: the size is set through an open file: that was checked when it was opened
 * Return: 0; -EPERM; -EACCES.
 */
int spool_permit_set(const struct spool_subject *subject, const struct spool_attr *attr,
		     unsigned int set, bool opened, struct spool_attr *wanted);

/** spool_permit_all_search() - may everybody search the directory @attr whose uid is @owner,
 * without a capability and whatever his groups are? */
bool spool_permit_all_search(uid_t owner, const struct spool_attr *attr);
