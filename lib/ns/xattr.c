/* SPDX-License-Identifier: MIT */
#include "ns/xattr.h"

#include <string.h>

#include "util/host.h"

#define MALLOC_EXTRA 16u /* as in node.c */

struct spool_xattr *spool_xattr_new(const struct spool_host *host, const char *name,
				    const void *value, size_t size)
{
	size_t name_len = strlen(name);
	struct spool_xattr *xattr = spool_alloc(host, sizeof(*xattr) + name_len + 1 + size);

	if (!xattr)
		return NULL;
	xattr->name_len = (uint8_t)name_len;
	xattr->size = (uint32_t)size;
	memcpy(xattr->data, name, name_len + 1);
	if (size > 0)
		memcpy(xattr->data + name_len + 1, value, size);
	return xattr;
}

uint64_t spool_xattr_bytes(size_t name_len, size_t size)
{
	return sizeof(struct spool_xattr) + name_len + 1 + size + MALLOC_EXTRA;
}

struct spool_xattr **spool_xattr_find(struct spool_xattr **list, const char *name)
{
	while (*list && strcmp((*list)->data, name) != 0)
		list = &(*list)->next;
	return list;
}

const void *spool_xattr_value(const struct spool_xattr *xattr)
{
	return xattr->data + xattr->name_len + 1;
}

size_t spool_xattr_names(const struct spool_xattr *list, const char *hidden, char *buf)
{
	size_t total = 0;

	for (; list; list = list->next) {
		if (hidden && strncmp(list->data, hidden, strlen(hidden)) == 0)
			continue;
		if (buf)
			memcpy(buf + total, list->data, list->name_len + 1u);
		total += list->name_len + 1u;
	}
	return total;
}
