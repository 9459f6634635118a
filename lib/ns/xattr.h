/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Extended attributes of one node: a short list of (name, value), POSIX ACLs among them. The
 * node's lock protects it. Charging is the caller's affair.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool_host;

struct spool_xattr {
	struct spool_xattr *next;
	uint32_t size;
	uint8_t name_len;
	char data[]; /* name, NUL, value */
};

/** spool_xattr_new() - Return: an attribute that is in no list yet, or NULL without memory. */
struct spool_xattr *spool_xattr_new(const struct spool_host *host, const char *name,
				    const void *value, size_t size);

/** spool_xattr_bytes() - memory of one, as charged. */
uint64_t spool_xattr_bytes(size_t name_len, size_t size);

/** spool_xattr_find() - where the attribute's pointer is, or where the list ends. */
struct spool_xattr **spool_xattr_find(struct spool_xattr **list, const char *name);

/** spool_xattr_value() - where its @size bytes are. */
const void *spool_xattr_value(const struct spool_xattr *xattr);

/** spool_xattr_names() - bytes of all names with their NULs, but for those that begin with @hidden
 * (NULL: all); copied to @buf unless it is NULL. */
size_t spool_xattr_names(const struct spool_xattr *list, const char *hidden, char *buf);
