/* SPDX-License-Identifier: MIT */
#include "engine/entry.h"

#include <errno.h>
#include <string.h>

#include "engine/inode.h"
#include "engine/orphan.h"
#include "engine/policy.h"
#include "engine/session.h"
#include "ns/names.h"
#include "util/host.h"
#include "util/macros.h"

int engine_check_name(const char *name)
{
	size_t len = strnlen(name, SPOOL_NAME_MAX + 1);

	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (len > SPOOL_NAME_MAX)
		return -ENAMETOOLONG;
	return memchr(name, '/', len) ? -EINVAL : 0;
}

/* Who pays for a name: whoever makes it. Where the kernel does not say who that is, a name that
 * moves stays with who has paid so far, and a further name of @node goes to who pays for that. */
static int name_payer(struct spool_engine *engine, const struct spool_node *parent,
		      const struct spool_cred *cred, const struct spool_node *node,
		      const struct spool_entry *old, struct spool_quota_user **ret)
{
	if (cred->uid != SPOOL_UID_UNKNOWN || (!node && !old))
		return engine_policy_payer(engine, cred, parent, ret);
	*ret = spool_quota_user_ref(old ? old->user : node->user);
	return 0;
}

int engine_make_entry(struct spool_engine *engine, struct spool_node *parent,
		      const struct spool_cred *cred, const char *name,
		      const struct spool_node *node, const struct spool_entry *old,
		      struct spool_entry **ret, uint64_t *ret_credit)
{
	struct spool_entry *entry;
	size_t len = strlen(name);
	uint64_t bytes = spool_entry_bytes(len);
	uint64_t credit = 0;
	int r;

	entry = spool_entry_new(engine->host, &engine->hash, name, len);
	if (!entry)
		return -ENOMEM;
	entry->dir = parent;
	r = name_payer(engine, parent, cred, node, old, &entry->user);
	if (r < 0)
		goto free_entry;
	if (old && old->user == entry->user)
		credit = spool_min_u64(bytes, spool_entry_bytes(old->len));
	r = engine_charge(entry->user, bytes - credit, 0);
	if (r < 0) {
		spool_quota_user_put(entry->user);
		goto free_entry;
	}
	*ret = entry;
	if (ret_credit)
		*ret_credit = credit;
	return 0;
free_entry:
	spool_free(engine->host, entry);
	return r;
}

void engine_free_entry(struct spool_engine *engine, struct spool_entry *entry, uint64_t credit)
{
	if (!entry)
		return;
	engine_uncharge(entry->user, spool_entry_bytes(entry->len) - credit, 0);
	spool_quota_user_put(entry->user);
	spool_free(engine->host, entry);
}

struct spool_entry *engine_find_entry_locked(struct spool_engine *engine, struct spool_node *dir,
					     const char *name)
{
	return spool_dir_find(dir->dir, &engine->hash, name, strlen(name));
}

void engine_entries_changed_locked(struct spool_engine *engine, struct spool_node *dir,
				   const struct timespec *now)
{
	spool_node_set_times_locked(dir, "mc", now);
	dir->size = dir->dir->n_entries * SPOOL_DIR_ENTRY_SIZE;
	if (dir->dir->n_entries == 0)
		engine_session_emptied_locked(engine, dir);
}

void engine_remove_entry_locked(struct spool_engine *engine, struct spool_node *dir,
				struct spool_node *node, struct spool_entry *entry,
				const struct timespec *now)
{
	engine_unlink_locked(engine, dir, node, now);
	spool_entry_take_off(entry);
	spool_dir_remove(dir->dir, entry);
	engine_entries_changed_locked(engine, dir, now);
}

void engine_entry_removed(struct spool_engine *engine, struct spool_entry *entry)
{
	engine_orphan_note(engine, entry->node);
	engine_put(engine, entry->node); /* the name's reference */
	engine_free_entry(engine, entry, 0);
}
