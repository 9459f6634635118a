/* SPDX-License-Identifier: MIT */
#include "ns/dir.h"

#include <string.h>

#include <xxhash.h>

#include "util/host.h"

#define MALLOC_EXTRA 16u /* as in node.c */

static int compare_names(const struct spool_entry *a, const struct spool_entry *b)
{
	int r;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	r = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);
	if (r != 0)
		return r;
	return a->len < b->len ? -1 : a->len > b->len;
}

static int compare_cookies(const struct spool_entry *a, const struct spool_entry *b)
{
	return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

SPOOL_RB_GENERATE(spool_name_tree, spool_entry, by_name, compare_names)
SPOOL_RB_GENERATE(spool_cookie_tree, spool_entry, by_cookie, compare_cookies)

uint64_t spool_hash_xxh3(const void *name, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(name, len, seed);
}

void spool_dir_init(struct spool_dir *dir)
{
	RB_INIT(&dir->names);
	RB_INIT(&dir->cookies);
	dir->next_cookie = SPOOL_COOKIE_FIRST;
	dir->n_entries = 0;
	dir->parent = NULL;
	dir->bound = NULL;
	dir->bound_here = false;
	dir->work = 0;
	dir->work_counted = false;
}

struct spool_entry *spool_entry_new(const struct spool_host *host, const struct spool_hash *hash,
				    const char *name, size_t len)
{
	struct spool_entry *entry = spool_alloc(host, sizeof(*entry) + len + 1);

	if (!entry)
		return NULL;
	entry->hash = hash->fn(name, len, hash->seed);
	entry->len = (uint8_t)len;
	memcpy(entry->name, name, len);
	entry->name[len] = '\0';
	return entry;
}

uint64_t spool_entry_bytes(size_t len)
{
	return sizeof(struct spool_entry) + len + 1 + MALLOC_EXTRA;
}

struct spool_entry *spool_dir_find(struct spool_dir *dir, const struct spool_hash *hash,
				   const char *name, size_t len)
{
	union {
		struct spool_entry entry;
		char room[sizeof(struct spool_entry) + 256];
	} key;

	if (len >= 256)
		return NULL;
	key.entry.hash = hash->fn(name, len, hash->seed);
	key.entry.len = (uint8_t)len;
	memcpy(key.entry.name, name, len);
	return RB_FIND(spool_name_tree, &dir->names, &key.entry);
}

void spool_dir_insert(struct spool_dir *dir, struct spool_entry *entry)
{
	entry->cookie = dir->next_cookie++;
	RB_INSERT(spool_name_tree, &dir->names, entry);
	RB_INSERT(spool_cookie_tree, &dir->cookies, entry);
	dir->n_entries++;
}

void spool_dir_remove(struct spool_dir *dir, struct spool_entry *entry)
{
	RB_REMOVE(spool_name_tree, &dir->names, entry);
	RB_REMOVE(spool_cookie_tree, &dir->cookies, entry);
	dir->n_entries--;
}

struct spool_entry *spool_dir_after(struct spool_dir *dir, uint64_t cookie)
{
	struct spool_entry key;

	if (cookie == UINT64_MAX)
		return NULL;
	key.cookie = cookie + 1;
	return RB_NFIND(spool_cookie_tree, &dir->cookies, &key);
}
