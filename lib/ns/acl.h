/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * POSIX ACLs as the kernel passes them: the value of system.posix_acl_access and
 * system.posix_acl_default, a header and entries in little-endian order
 * (linux/posix_acl_xattr.h). The kernel enforces them; what it leaves to a FUSE server is to
 * keep the mode and the access ACL in step and to hand default ACLs down.
 *
 * The owner class of a mode is the USER_OBJ entry; the group class is MASK, or GROUP_OBJ where
 * there is no mask; the rest is OTHER.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool_host;
struct spool_xattr;

#define SPOOL_ACL_ACCESS "system.posix_acl_access"
#define SPOOL_ACL_DEFAULT "system.posix_acl_default"

/** spool_acl_is_name() - whether @name is one of the two. */
bool spool_acl_is_name(const char *name);

/** spool_acl_check() - is this a valid ACL? Return: 0; -EINVAL; -EOPNOTSUPP another version. */
int spool_acl_check(const void *value, size_t size);

/** spool_acl_mode() - the permission bits that a valid ACL stands for in *@mode's lowest nine.
 * Return: true when the ACL says no more than they do, and need not be kept. */
bool spool_acl_mode(const void *value, size_t size, mode_t *mode);

/** spool_acl_chmod() - puts the bits of @mode into the access ACL of the list, if it has one. */
void spool_acl_chmod(struct spool_xattr *list, mode_t mode);

/**
 * spool_acl_inherit() - what a new inode gets from its directory's default ACL
 * @parent: the directory's attributes; @mode: wanted bits in, resulting bits out
 * @ret_list: gets the inode's ACLs, to be freed by the caller
 * Return: 1 there was a default ACL (the umask does not count); 0 there was none; -ENOMEM.
 */
int spool_acl_inherit(const struct spool_host *host, struct spool_xattr *parent, mode_t *mode,
		      struct spool_xattr **ret_list);
