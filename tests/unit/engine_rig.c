/* SPDX-License-Identifier: MIT */
#include "engine_rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/tier_internal.h"
#include "engine/session.h"
#include "ns/xattr.h"
#include "store/object.h"

struct spool_config engine_rig_config(enum spool_layout layout, enum spool_modes modes)
{
	bool shared = layout == SPOOL_LAYOUT_SHARED;

	return (struct spool_config){
		.layout = layout,
		.modes = modes,
		.root_uid = shared ? 0 : 1000,
		.root_gid = shared ? 0 : 1000,
		.root_mode = shared ? 01777 : 0755,
		.acl = shared,
		.limits = {.mount = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
			   .user = {UINT64_MAX, UINT64_MAX, UINT64_MAX}},
	};
}

void engine_rig_init_config(struct engine_rig *rig, const struct spool_config *config)
{
	fault_host_init(&rig->host);
	rig->host.clock.tv_sec = 1700000000;
	rig->cred = (struct spool_cred){.uid = 1000, .gid = 1000, .pid = 1, .umask = 022};
	rig->engine = NULL;
	CU_ASSERT_EQUAL_FATAL(spool_engine_new(config, &rig->host.host, NULL, &rig->engine), 0);
	rig_tick(rig);
}

void engine_rig_init(struct engine_rig *rig, enum spool_layout layout, enum spool_modes modes)
{
	const struct spool_config config = engine_rig_config(layout, modes);

	engine_rig_init_config(rig, &config);
}

void engine_rig_fini(struct engine_rig *rig)
{
	CU_ASSERT_EQUAL(engine_rig_audit(rig), 0);
	CU_ASSERT_TRUE(spool_engine_free(rig->engine));
	CU_ASSERT_EQUAL(rig->host.live, 0);
}

/* What the audit counts of each inode, and of each account */
struct tally {
	struct spool_node **nodes; /* by inode number */
	uint64_t *names;
	uint64_t *subdirs;
	uint64_t n;
	struct {
		struct spool_quota_user *user;
		struct spool_charge charge;
	} accounts[64];
	struct engine_session *sessions[64];
	unsigned int bad;
};

static void expect(struct tally *tally, const char *what, uint64_t ino, uint64_t is,
		   uint64_t should_be)
{
	if (is == should_be)
		return;
	fprintf(stderr, "audit: inode %llu: %s: %llu instead of %llu\n", (unsigned long long)ino,
		what, (unsigned long long)is, (unsigned long long)should_be);
	tally->bad++;
}

static void count_charge(struct tally *tally, struct spool_quota_user *user, uint64_t size,
			 uint64_t ram, uint64_t inodes)
{
	size_t i = 0;

	while (tally->accounts[i].user && tally->accounts[i].user != user)
		i++;
	CU_ASSERT_FATAL(i + 1 < sizeof(tally->accounts) / sizeof(tally->accounts[0]));
	tally->accounts[i].user = user;
	tally->accounts[i].charge.amount[SPOOL_RES_SIZE] += size;
	tally->accounts[i].charge.amount[SPOOL_RES_RAM] += ram;
	tally->accounts[i].charge.amount[SPOOL_RES_INODES] += inodes;
}

static void collect(struct engine_rig *rig, struct tally *tally)
{
	struct spool_table *table = &rig->engine->table;
	uint64_t found = 0;

	for (uint64_t ino = 1; ino < tally->n; ino++) {
		tally->nodes[ino] = spool_table_get(table, ino);
		if (!tally->nodes[ino])
			continue;
		found++;
		spool_table_put(table, tally->nodes[ino], 1, 0);
	}
	expect(tally, "nodes in the table", 0, spool_table_count(table), found);
}

/* Once, however many have it. */
static void count_session(struct tally *tally, struct engine_session *session)
{
	uint64_t bytes = engine_session_bytes();
	size_t i = 0;

	if (!session || !session->user)
		return; /* none, or what has expired, which nobody pays for */
	while (tally->sessions[i] && tally->sessions[i] != session)
		i++;
	CU_ASSERT_FATAL(i + 1 < sizeof(tally->sessions) / sizeof(tally->sessions[0]));
	if (!tally->sessions[i])
		count_charge(tally, session->user, bytes, bytes, 0);
	tally->sessions[i] = session;
}

/* Those below @session that are there because names of them are still to be told. */
static void count_untold(struct tally *tally, struct engine_session *session)
{
	if (!session)
		return;
	if (session->n_untold > 0)
		count_session(tally, session);
	count_untold(tally, RB_LEFT(session, by_id));
	count_untold(tally, RB_RIGHT(session, by_id));
}

static void count_dir(struct engine_rig *rig, struct tally *tally, struct spool_node *node)
{
	struct spool_entry *entry;
	uint64_t n = 0, last = 0;

	for (entry = spool_dir_after(node->dir, 0); entry;
	     entry = spool_dir_after(node->dir, entry->cookie)) {
		uint64_t bytes = spool_entry_bytes(entry->len);

		n++;
		tally->names[entry->node->ino]++;
		expect(tally, "directory of an entry", node->ino, entry->dir->ino, node->ino);
		count_charge(tally, entry->user, bytes, bytes, 0);
		if (entry->cookie <= last || entry->cookie >= node->dir->next_cookie)
			expect(tally, "cookie", node->ino, entry->cookie, last + 1);
		last = entry->cookie;
		if (S_ISDIR(entry->node->type) && entry->node->dir->parent != node)
			expect(tally, "parent", entry->node->ino, entry->node->dir->parent->ino,
			       node->ino);
	}
	expect(tally, "entries", node->ino, node->dir->n_entries, n);
	count_session(tally, node->dir->bound);
	/* of the private root nothing is kept, as nothing may show */
	if (!engine_is_private_root(rig->engine, node))
		expect(tally, "size", node->ino, node->size, n * SPOOL_DIR_ENTRY_SIZE);
	if (node->ino != SPOOL_INO_ROOT)
		tally->subdirs[node->dir->parent->ino]++;
}

static void count_node(struct engine_rig *rig, struct tally *tally, struct spool_node *node)
{
	struct spool_charge charge = {{0}};
	uint64_t bytes = spool_node_bytes(node->type);

	for (struct spool_xattr *xattr = node->xattrs; xattr; xattr = xattr->next)
		bytes += spool_xattr_bytes(xattr->name_len, xattr->size);
	if (S_ISLNK(node->type) && node->target)
		bytes += strlen(node->target) + 1;
	expect(tally, "charged", node->ino, node->charged, bytes);
	if (S_ISREG(node->type) && node->file) {
		spool_object_charges(node->file->object, &charge);
		expect(tally, "size", node->ino, node->size, spool_object_size(node->file->object));
		expect(tally, "blocks", node->ino, node->blocks,
		       spool_object_blocks(node->file->object));
	}
	count_charge(tally, node->user, bytes + charge.amount[SPOOL_RES_SIZE],
		     bytes + charge.amount[SPOOL_RES_RAM], 1);
	count_session(tally, node->session);
	if (S_ISDIR(node->type))
		count_dir(rig, tally, node);
}

static void check_counts(struct engine_rig *rig, struct tally *tally, struct spool_node *node)
{
	uint64_t ino = node->ino, root = ino == SPOOL_INO_ROOT;
	uint64_t nlink = tally->names[ino], listed = 0;
	struct spool_entry *entry;

	LIST_FOREACH (entry, &node->names, of_node) {
		expect(tally, "node of an entry", ino, entry->node->ino, ino);
		listed++;
	}
	expect(tally, "entries that name it", ino, listed, nlink);
	expect(tally, "references", ino, node->refs,
	       tally->names[ino] + tally->subdirs[ino] + node->n_lookup + node->n_open + root);
	if (S_ISDIR(node->type) && (root || nlink))
		nlink = 2;
	/* removed directories that are still held point upwards, but are no links */
	for (uint64_t i = 2; S_ISDIR(node->type) && i < tally->n; i++) {
		struct spool_node *sub = tally->nodes[i];

		nlink += sub && S_ISDIR(sub->type) && sub->nlink > 0 && sub->dir->parent == node;
	}
	if (!engine_is_private_root(rig->engine, node))
		expect(tally, "links", ino, node->nlink, nlink);
}

static void check_accounts(struct engine_rig *rig, struct tally *tally)
{
	struct spool_charge total = {{0}};
	struct spool_usage usage;

	for (size_t i = 0; tally->accounts[i].user; i++) {
		uid_t uid = spool_quota_user_uid(tally->accounts[i].user);

		spool_engine_user_usage(rig->engine, uid, &usage);
		for (int res = 0; res < SPOOL_RES_N; res++) {
			expect(tally, "account (uid)", uid, usage.used[res],
			       tally->accounts[i].charge.amount[res]);
			total.amount[res] += tally->accounts[i].charge.amount[res];
		}
	}
	spool_quota_usage(rig->engine->quota, &usage);
	for (int res = 0; res < SPOOL_RES_N; res++)
		expect(tally, "account (mount)", 0, usage.used[res], total.amount[res]);
}

/* What the files have on the disk is what is there. */
static void check_stored(struct engine_rig *rig, struct tally *tally)
{
	struct spool_disk *disk = engine_disk(rig->engine);
	uint64_t stored = 0;

	for (uint64_t ino = 1; disk && ino < tally->n; ino++) {
		struct spool_node *node = tally->nodes[ino];

		if (node && S_ISREG(node->type) && node->file)
			stored += spool_object_stored(node->file->object);
	}
	expect(tally, "stored (mount)", 0, disk ? disk->stored : 0, stored);
}

unsigned int engine_rig_audit(struct engine_rig *rig)
{
	struct tally tally = {.n = rig->engine->next_ino};

	tally.nodes = calloc(tally.n, sizeof(struct spool_node *));
	tally.names = calloc(tally.n, sizeof(*tally.names));
	tally.subdirs = calloc(tally.n, sizeof(*tally.subdirs));
	collect(rig, &tally);
	for (uint64_t ino = 1; ino < tally.n; ino++) {
		if (tally.nodes[ino])
			count_node(rig, &tally, tally.nodes[ino]);
	}
	for (uint64_t ino = 1; ino < tally.n; ino++) {
		if (tally.nodes[ino])
			check_counts(rig, &tally, tally.nodes[ino]);
	}
	count_untold(&tally, RB_ROOT(&rig->engine->life.sessions));
	check_accounts(rig, &tally);
	check_stored(rig, &tally);
	free(tally.subdirs);
	free(tally.names);
	free(tally.nodes);
	return tally.bad;
}

uint64_t rig_mkdir(struct engine_rig *rig, uint64_t parent, const char *name)
{
	struct spool_attr attr = {0};

	CU_ASSERT_EQUAL(spool_engine_mkdir(rig->engine, &rig->cred, parent, name, 0700, &attr), 0);
	return attr.ino;
}

uint64_t rig_file(struct engine_rig *rig, uint64_t parent, const char *name)
{
	struct spool_attr attr = {0};

	CU_ASSERT_EQUAL(
		spool_engine_mknod(rig->engine, &rig->cred, parent, name, S_IFREG | 0600, 0, &attr),
		0);
	return attr.ino;
}

void rig_write(struct engine_rig *rig, uint64_t ino, const char *text)
{
	size_t len = strlen(text);

	CU_ASSERT_EQUAL(spool_engine_write(rig->engine, ino, text, len, 0, 0), (ssize_t)len);
}

uint64_t rig_ino(struct engine_rig *rig, uint64_t parent, const char *name)
{
	struct spool_attr attr;

	if (spool_engine_lookup(rig->engine, &rig->cred, parent, name, &attr) < 0)
		return 0;
	spool_engine_forget(rig->engine, attr.ino, 1);
	return attr.ino;
}

struct spool_attr rig_attr(struct engine_rig *rig, uint64_t ino)
{
	struct spool_attr attr = {0};

	CU_ASSERT_EQUAL(spool_engine_getattr(rig->engine, ino, &attr), 0);
	return attr;
}

void rig_tick(struct engine_rig *rig)
{
	rig->host.clock.tv_sec++;
	rig->host.clock.tv_nsec = 123456789;
}

uint64_t rig_used(struct engine_rig *rig, uid_t uid, enum spool_resource resource)
{
	struct spool_usage usage;

	spool_engine_user_usage(rig->engine, uid, &usage);
	return usage.used[resource];
}

static uint64_t limit_of(uint64_t used, int64_t more)
{
	return more < 0 ? UINT64_MAX : used + (uint64_t)more;
}

void rig_limits(struct engine_rig *rig, uid_t uid, int64_t mount_bytes, int64_t user_bytes,
		int64_t mount_inodes, int64_t user_inodes)
{
	struct spool_limits limits = {.pageout_reserve = 0};
	struct spool_usage mount, user;

	spool_quota_usage(rig->engine->quota, &mount);
	spool_engine_user_usage(rig->engine, uid, &user);
	for (int res = SPOOL_RES_SIZE; res <= SPOOL_RES_RAM; res++) {
		limits.mount[res] = limit_of(mount.used[res], mount_bytes);
		limits.user[res] = limit_of(user.used[res], user_bytes);
	}
	limits.mount[SPOOL_RES_INODES] = limit_of(mount.used[SPOOL_RES_INODES], mount_inodes);
	limits.user[SPOOL_RES_INODES] = limit_of(user.used[SPOOL_RES_INODES], user_inodes);
	spool_quota_set_limits(rig->engine->quota, &limits);
}

uint64_t rig_seed(void)
{
	const char *text = getenv("SPOOL_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);

	printf("[SPOOL_SEED=%llu] ", (unsigned long long)seed);
	return seed;
}

uint64_t rig_random(uint64_t *state, uint64_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % n;
}
