/* SPDX-License-Identifier: MIT */
#include "ops/control_list.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/proto.h"
#include "ops/control_call.h"
#include "ops/control_life.h"
#include "ops/reply.h"
#include "util/macros.h"

/* "." and "..", which come first, have the cookies 1 and 2 (readdir). */
#define FIRST_COOKIE 2u

struct page {
	struct spool_ctl_files *list;
	uint64_t cookie; /* of the last entry that was taken */
	bool full;
};

/* With the directory's lock held: only the name and the number. */
static bool take_entry(void *arg, const char *name, size_t name_len, const struct spool_attr *attr,
		       uint64_t cookie)
{
	struct page *page = arg;
	struct spool_ctl_file *entry = &page->list->entries[page->list->count];

	assert(page->list->count <= SPOOL_CTL_ENTRIES && name_len < sizeof(entry->name));
	page->full = page->list->count == SPOOL_CTL_ENTRIES;
	if (page->full)
		return false;
	entry->ino = attr->ino;
	memcpy(entry->name, name, name_len);
	page->list->count++;
	page->cookie = cookie;
	return true;
}

/* The rest of what is said of the file. Return: 0; -ESTALE: it has gone meanwhile. */
static int describe(const struct control_call *call, bool is_admin, struct spool_ctl_file *entry)
{
	struct spool_engine *engine = call->fs->engine;
	struct spool_tiers tiers;
	struct spool_life life;
	struct spool_attr attr;
	int r = spool_engine_getattr(engine, entry->ino, &attr);

	if (r == 0)
		r = spool_engine_tiers(engine, entry->ino, &tiers);
	if (r == 0)
		r = spool_engine_life(engine, entry->ino, &life);
	if (r < 0)
		return r;
	entry->size = attr.size;
	entry->ram = tiers.ram;
	entry->disk = tiers.disk;
	entry->uid = attr.uid;
	entry->gid = attr.gid;
	entry->mode = attr.mode;
	entry->lifetime = SPOOL_CTL_UNKNOWN;
	if (control_life_is_own(call, is_admin, &attr)) {
		entry->lifetime = life.lifetime;
		entry->session = life.session;
	}
	return 0;
}

/* Entries that have gone meanwhile are left out. */
static void describe_all(const struct control_call *call, struct spool_ctl_files *list)
{
	bool is_admin = control_may_administer(call);
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		if (describe(call, is_admin, &list->entries[i]) < 0)
			continue;
		if (n != i)
			list->entries[n] = list->entries[i];
		n++;
	}
	memset(&list->entries[n], 0, sizeof(list->entries[0]) * (list->count - n));
	list->count = n;
}

static int list_all(const struct control_call *call, struct spool_ctl_files *list)
{
	struct page page = {.list = list};
	int r;

	r = spool_engine_readdir(call->fs->engine, &call->cred, call->dir,
				 spool_max_u64(list->cursor, FIRST_COOKIE), &list->end, false,
				 take_entry, &page);
	if (r < 0)
		return r;
	list->cursor = page.full ? page.cookie : SPOOL_CTL_END;
	describe_all(call, list);
	return 0;
}

static int list_one(const struct control_call *call, struct spool_ctl_files *list)
{
	struct spool_engine *engine = call->fs->engine;
	struct spool_attr attr;
	int r;

	if (list->cursor || list->end)
		return -EINVAL;
	r = spool_engine_lookup(engine, &call->cred, call->dir, list->name, &attr);
	if (r < 0)
		return r;
	list->entries[0].ino = attr.ino;
	memcpy(list->entries[0].name, list->name, sizeof(list->name));
	r = describe(call, control_may_administer(call), &list->entries[0]);
	spool_engine_forget(engine, attr.ino, 1);
	list->count = 1;
	list->cursor = SPOOL_CTL_END;
	return r < 0 ? -ENOENT : 0;
}

/* stat(2) asks for search permission, which the kernel has not asked for here. Of others than the
 * owner it is not known in which class they are: one in which the directory can be read and not
 * searched keeps all of them out. Return: 0; -EACCES; -ESTALE. */
static int check_search(const struct control_call *call)
{
	struct spool_attr attr;
	unsigned int readable, searchable;
	int r = spool_engine_getattr(call->fs->engine, call->dir, &attr);

	if (r < 0)
		return r;
	if (call->cred.uid == 0 || control_life_is_own(call, control_may_administer(call), &attr))
		return 0;
	readable = attr.mode >> 2 & 0011;
	searchable = attr.mode & 0011;
	return searchable == 0 || (readable & ~searchable) ? -EACCES : 0;
}

/* Return: 0; -EINVAL: something in it is not as it must be. */
static int take_in(struct control_call *call, struct spool_ctl_files *list)
{
	int r = control_take_in(list, sizeof(*list), call);

	if (r < 0)
		return r;
	if (list->count || !memchr(list->name, '\0', sizeof(list->name)))
		return -EINVAL;
	memset(list->entries, 0, sizeof(list->entries));
	return 0;
}

void control_list(struct control_call *call)
{
	spool_cleanup(free) struct spool_ctl_files *list = malloc(sizeof(*list));
	int r = list ? take_in(call, list) : -ENOMEM;

	if (r == 0)
		r = check_search(call);
	if (r == 0)
		r = list->name[0] ? list_one(call, list) : list_all(call, list);
	reply_ioctl(call->req, r, list, sizeof(*list));
}
