/* SPDX-License-Identifier: MIT */
#include "ns/acl.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "ns/xattr.h"
#include "util/host.h"

static size_t count_of(size_t size)
{
	return (size - sizeof(struct posix_acl_xattr_header)) /
	       sizeof(struct posix_acl_xattr_entry);
}

/* Where entry @i begins. Values lie unaligned in an attribute: entries are read by copy. */
static size_t offset_of(size_t i)
{
	return sizeof(struct posix_acl_xattr_header) + i * sizeof(struct posix_acl_xattr_entry);
}

static struct posix_acl_xattr_entry entry_at(const void *value, size_t i)
{
	struct posix_acl_xattr_entry entry;

	memcpy(&entry, (const char *)value + offset_of(i), sizeof(entry));
	return entry;
}

static void set_perm(void *value, size_t i, unsigned int perm)
{
	uint16_t le = htole16((uint16_t)perm);

	memcpy((char *)value + offset_of(i) + offsetof(struct posix_acl_xattr_entry, e_perm), &le,
	       sizeof(le));
}

bool spool_acl_is_name(const char *name)
{
	return strcmp(name, SPOOL_ACL_ACCESS) == 0 || strcmp(name, SPOOL_ACL_DEFAULT) == 0;
}

/* Entries come in the order of their tags, named ones in ascending order of ids. */
static bool in_order(unsigned int last_tag, uint32_t last_id, unsigned int tag, uint32_t id)
{
	if (tag != last_tag)
		return tag > last_tag;
	return (tag == ACL_USER || tag == ACL_GROUP) && id > last_id;
}

int spool_acl_check(const void *value, size_t size)
{
	const unsigned int known =
		ACL_USER_OBJ | ACL_USER | ACL_GROUP_OBJ | ACL_GROUP | ACL_MASK | ACL_OTHER;
	const unsigned int needed = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;
	struct posix_acl_xattr_header header;
	unsigned int seen = 0, last_tag = 0;
	uint32_t last_id = 0;

	if (size < sizeof(header) || (size - sizeof(header)) % sizeof(struct posix_acl_xattr_entry))
		return -EINVAL;
	memcpy(&header, value, sizeof(header));
	if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < count_of(size); i++) {
		struct posix_acl_xattr_entry entry = entry_at(value, i);
		unsigned int tag = le16toh(entry.e_tag);
		uint32_t id = le32toh(entry.e_id);

		if ((tag & ~known) || (tag & (tag - 1)) || tag == 0 || le16toh(entry.e_perm) > 7)
			return -EINVAL;
		if (i > 0 && !in_order(last_tag, last_id, tag, id))
			return -EINVAL;
		seen |= tag;
		last_tag = tag;
		last_id = id;
	}
	if (count_of(size) == 0)
		return 0; /* stands for "no ACL" */
	if ((seen & needed) != needed)
		return -EINVAL;
	if ((seen & (ACL_USER | ACL_GROUP)) && !(seen & ACL_MASK))
		return -EINVAL;
	return 0;
}

bool spool_acl_mode(const void *value, size_t size, mode_t *mode)
{
	bool plain = true, has_mask = false;
	mode_t user = 0, group = 0, mask = 0, other = 0;

	for (size_t i = 0; i < count_of(size); i++) {
		struct posix_acl_xattr_entry entry = entry_at(value, i);
		mode_t perm = le16toh(entry.e_perm);

		switch (le16toh(entry.e_tag)) {
		case ACL_USER_OBJ:
			user = perm;
			break;
		case ACL_GROUP_OBJ:
			group = perm;
			break;
		case ACL_OTHER:
			other = perm;
			break;
		case ACL_MASK:
			mask = perm;
			has_mask = true;
			plain = false;
			break;
		default:
			plain = false;
		}
	}
	if (count_of(size) > 0)
		*mode = (*mode & ~(mode_t)0777) | user << 6 | (has_mask ? mask : group) << 3 |
			other;
	return plain;
}

static bool has_mask(const void *value, size_t size)
{
	for (size_t i = 0; i < count_of(size); i++) {
		if (le16toh(entry_at(value, i).e_tag) == ACL_MASK)
			return true;
	}
	return false;
}

/* For every class of @mode: the entry's bits become @mode's, or are limited to them. */
static void apply_mode(void *value, size_t size, mode_t mode, bool limit)
{
	bool masked = has_mask(value, size);

	for (size_t i = 0; i < count_of(size); i++) {
		struct posix_acl_xattr_entry entry = entry_at(value, i);
		unsigned int perm = le16toh(entry.e_perm), bits;

		switch (le16toh(entry.e_tag)) {
		case ACL_USER_OBJ:
			bits = mode >> 6 & 7;
			break;
		case ACL_GROUP_OBJ:
			if (masked)
				continue;
			bits = mode >> 3 & 7;
			break;
		case ACL_MASK:
			bits = mode >> 3 & 7;
			break;
		case ACL_OTHER:
			bits = mode & 7;
			break;
		default:
			continue;
		}
		set_perm(value, i, limit ? perm & bits : bits);
	}
}

void spool_acl_chmod(struct spool_xattr *list, mode_t mode)
{
	struct spool_xattr *acl = *spool_xattr_find(&list, SPOOL_ACL_ACCESS);

	if (acl)
		apply_mode((void *)(uintptr_t)spool_xattr_value(acl), acl->size, mode, false);
}

int spool_acl_inherit(const struct spool_host *host, struct spool_xattr *parent, mode_t *mode,
		      struct spool_xattr **ret_list)
{
	struct spool_xattr *from = *spool_xattr_find(&parent, SPOOL_ACL_DEFAULT);
	struct spool_xattr *access;
	void *value;

	*ret_list = NULL;
	if (!from || S_ISLNK(*mode))
		return 0;
	access = spool_xattr_new(host, SPOOL_ACL_ACCESS, spool_xattr_value(from), from->size);
	if (!access)
		return -ENOMEM;
	value = (void *)(uintptr_t)spool_xattr_value(access);
	apply_mode(value, access->size, *mode, true);
	if (spool_acl_mode(value, access->size, mode))
		spool_free(host, access);
	else
		*ret_list = access;
	if (S_ISDIR(*mode)) {
		struct spool_xattr *copy = spool_xattr_new(host, SPOOL_ACL_DEFAULT,
							   spool_xattr_value(from), from->size);

		if (!copy) {
			spool_free(host, *ret_list);
			*ret_list = NULL;
			return -ENOMEM;
		}
		copy->next = *ret_list;
		*ret_list = copy;
	}
	return 1;
}
