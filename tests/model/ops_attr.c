/* SPDX-License-Identifier: MIT */

/* Random operations on attributes, opens, extended attributes and limits. */

#include "run.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/engine_internal.h"
#include "util/macros.h"

typedef unsigned long long ull;

#define METADATA 8192u

static uint64_t random_size(struct run *run)
{
	switch (run_random(run, 12)) {
	case 0:
		return (uint64_t)INT64_MAX - run_random(run, 3);
	case 1:
		return (uint64_t)INT64_MAX + 1 + run_random(run, 3);
	case 2:
		return run_random(run, 1ull << 40);
	case 3:
		return run_random(run, MODEL_DATA / MODEL_PAGE) * MODEL_PAGE;
	case 4:
		return 0;
	default:
		return run_random(run, MODEL_DATA);
	}
}

/* What the file of a chown takes with it. */
static struct run_need chown_need(const struct model_node *node, uid_t uid)
{
	struct run_need need = {.amount = {METADATA, METADATA, 1}, .payers = {uid, uid}};

	if (!node)
		return need;
	need.amount[SPOOL_RES_SIZE] += model_pages(node) * MODEL_PAGE;
	need.amount[SPOOL_RES_RAM] += model_blocks(node) * MODEL_BLOCK;
	for (size_t i = 0; i < node->n_xattrs; i++) {
		need.amount[SPOOL_RES_SIZE] += node->xattrs[i].size + 512;
		need.amount[SPOOL_RES_RAM] += node->xattrs[i].size + 512;
	}
	return need;
}

/* One of what the kernel asks for: chmod, chown, truncate, utimens; rarely any mixture. */
static unsigned int random_set(struct run *run)
{
	static const unsigned int choice[] = {
		SPOOL_SET_MODE,
		SPOOL_SET_MODE,
		SPOOL_SET_UID | SPOOL_SET_GID,
		SPOOL_SET_UID,
		SPOOL_SET_GID,
		SPOOL_SET_SIZE,
		SPOOL_SET_SIZE | SPOOL_KILL_SUIDGID,
		SPOOL_SET_SIZE,
		SPOOL_SET_SIZE | SPOOL_SET_MTIME,
		SPOOL_SET_ATIME | SPOOL_SET_MTIME,
		SPOOL_SET_ATIME_NOW | SPOOL_SET_MTIME_NOW,
		SPOOL_SET_ATIME_NOW,
		SPOOL_SET_MTIME,
	};

	if (run_random(run, 20) == 0)
		return (unsigned int)run_random(run, 1 << 8) | run_kill_flag(run);
	return choice[run_random(run, SPOOL_ARRAY_SIZE(choice))];
}

void op_setattr(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	unsigned int set = random_set(run);
	bool owner = set & (SPOOL_SET_UID | SPOOL_SET_GID);
	uint64_t ino = run_node(run, set & SPOOL_SET_SIZE ? S_IFREG : 0);
	struct model_node *node = model_find(run->model, ino);
	struct spool_attr got = {0},
			  attr = {
				  .mode = run_mode(run),
				  .size = random_size(run),
				  .uid = node ? node->uid : 0,
				  .gid = node ? node->gid : 0,
				  .atime = {.tv_sec = (time_t)run_random(run, 1ull << 31),
					    .tv_nsec = 5},
				  .mtime = {.tv_sec = -(time_t)run_random(run, 1ull << 31),
					    .tv_nsec = 999999999},
			  };
	struct run_need need;
	int r;

	if (set & SPOOL_SET_UID)
		attr.uid = run_uids[run_random(run, RUN_UIDS)];
	if (set & SPOOL_SET_GID)
		attr.gid = run_uids[run_random(run, RUN_UIDS)];
	need = chown_need(node, attr.uid);
	run_begin(run, "setattr(uid %u, %llu, set 0x%x, mode %o, %u:%u, size %llu)", cred.uid,
		  (ull)ino, set, attr.mode, attr.uid, attr.gid, (ull)attr.size);
	run->touched[0] = ino;
	r = spool_engine_setattr(run->engine, &cred, ino, set | run->flags, &attr, &got);
	if (!run_settle(run, r, owner && !(set & SPOOL_SET_SIZE) ? &need : NULL))
		return;
	run_same(run, model_setattr(run->model, &cred, ino, set, &attr));
	if (r == 0)
		check_attr(run, "setattr", ino, &got);
}

void op_open(struct run *run)
{
	uint64_t ino = run_node(run, run_random(run, 3) ? S_IFREG : S_IFDIR);
	struct model_node *node = model_find(run->model, ino);
	unsigned int flags = (unsigned int)run_random(run, 4) | run_kill_flag(run);
	int r;

	if (run_random(run, 3))
		flags &= ~(unsigned int)SPOOL_OPEN_TRUNCATE;
	run_begin(run, "open(%llu, flags 0x%x)", (ull)ino, flags);
	run->touched[0] = ino;
	r = spool_engine_open(run->engine, ino, flags | run->flags);
	if (node && node->dropped && r == -ESTALE) {
		run_settle(run, r, NULL); /* it had data, which are gone */
		return;
	}
	if (run_settle(run, r, NULL))
		run_same(run, model_open(run->model, ino, flags));
}

void op_release(struct run *run)
{
	uint64_t ino = run_node(run, 0);

	for (size_t i = 0; i < run->model->n_nodes && run_random(run, 8); i++) {
		if (run->model->nodes[i].n_open > 0 && run_random(run, 4) == 0)
			ino = run->model->nodes[i].ino;
	}
	run_begin(run, "release(%llu)", (ull)ino);
	life_settle(run, ino);
	spool_engine_release(run->engine, ino);
	run_settle(run, 0, NULL);
	model_release(run->model, ino);
}

static const char *random_xattr(struct run *run)
{
	static char longest[258] = "user.", too_long[258] = "user.";
	static const char *const names[] = {"user.a", "user.b", "user.c", "user.dd", longest};
	static const char *const bad[] = {"user.",      "trusted.a", "user.spoolfs.x",
					  "security.a", "plain",     too_long};

	memset(longest + 5, 'n', 250);
	memset(too_long + 5, 'n', 251);
	return run_random(run, 12) ? names[run_random(run, 5)] : bad[run_random(run, 6)];
}

static mode_t xattr_type(struct run *run)
{
	static const mode_t types[] = {S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, 0};

	return types[run_random(run, 6)];
}

void op_setxattr(struct run *run)
{
	static const size_t sizes[] = {0, 3, 50, 50, 600, 5000};
	static const int choice[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
	struct spool_cred cred = run_cred(run);
	uint64_t ino = run_node(run, xattr_type(run));
	struct model_node *node = model_find(run->model, ino);
	const char *name = random_xattr(run);
	size_t size = sizes[run_random(run, 6)];
	int flags = choice[run_random(run, 4)], r;
	const unsigned char *value = run->noise + run_random(run, 1000);
	struct run_need need = {.payers = {node ? node->payer : 0, node ? node->payer : 0}};

	if (run_random(run, 40) == 0)
		size = SPOOL_XATTR_SIZE_MAX + run_random(run, 2);
	need.amount[SPOOL_RES_SIZE] = need.amount[SPOOL_RES_RAM] = METADATA + size;
	run_begin(run, "setxattr(%llu, \"%.24s\", %zu bytes, %d)", (ull)ino, name, size, flags);
	r = spool_engine_setxattr(run->engine, &cred, ino, name, value, size, flags);
	if (run_settle(run, r, &need))
		run_same(run, model_setxattr(run->model, ino, name, value, size, flags));
}

void op_getxattr(struct run *run)
{
	uint64_t ino = run_node(run, xattr_type(run));
	const char *name = random_xattr(run);
	size_t size = run_random(run, 3) * 30 + (run_random(run, 2) ? 0 : 70000);
	const void *value = NULL;
	ssize_t r;

	run_begin(run, "getxattr(%llu, \"%.24s\", size %zu)", (ull)ino, name, size);
	r = spool_engine_getxattr(run->engine, ino, name, run->buf, size);
	run_settle(run, r, NULL);
	run_same(run, model_getxattr(run->model, ino, name, size, &value));
	if (r > 0 && size > 0 && memcmp(run->buf, value, (size_t)r) != 0)
		run_fail(run, "the value of %s differs", name);
}

void op_removexattr(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	uint64_t ino = run_node(run, xattr_type(run));
	const char *name = random_xattr(run);
	int r;

	run_begin(run, "removexattr(%llu, \"%.24s\")", (ull)ino, name);
	r = spool_engine_removexattr(run->engine, &cred, ino, name);
	if (run_settle(run, r, NULL))
		run_same(run, model_removexattr(run->model, ino, name));
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is left below both limits of both of these; or in all, when nothing is used. */
static uint64_t left(const struct run *run, size_t user, int res, bool in_all)
{
	uint64_t mount = run->limits.mount[res], own = run->limits.user[res];

	if (!in_all) {
		mount -= min(mount, run->before.mount[res]);
		own -= min(own, run->before.users[user][res]);
	}
	return min(min(mount, own), INT64_MAX);
}

/* With a disk, RAM does not bound what can be stored. */
static uint64_t bytes_left(const struct run *run, size_t user, bool total)
{
	uint64_t size = left(run, user, SPOOL_RES_SIZE, total);

	return run->tier ? size : min(size, left(run, user, SPOOL_RES_RAM, total));
}

void op_drop_orphans(struct run *run)
{
	run_begin(run, "drop_orphans()");
	spool_engine_drop_orphans(run->engine);
	model_drop_orphans(run->model);
	run_settle(run, 0, NULL);
	run_same(run, 0);
}

void op_statfs(struct run *run)
{
	size_t user = run_random(run, RUN_UIDS);
	struct spool_cred cred = {.uid = run_uids[user]};
	struct spool_statfs got, want;

	if (run->model->config.layout == SPOOL_LAYOUT_SINGLE)
		user = 1; /* whose mount it is */
	run_begin(run, "statfs(uid %u)", cred.uid);
	run_settle(run, spool_engine_statfs(run->engine, &cred, &got), NULL);
	run_same(run, 0);
	want.blocks = bytes_left(run, user, true) / 4096;
	want.blocks_free = bytes_left(run, user, false) / 4096;
	want.inodes = left(run, user, SPOOL_RES_INODES, true);
	want.inodes_free = left(run, user, SPOOL_RES_INODES, false);
	want.blocks += want.blocks == 0;
	want.inodes += want.inodes == 0;
	if (memcmp(&got, &want, sizeof(got)) != 0)
		run_fail(run,
			 "statfs gives %llu/%llu blocks, %llu/%llu inodes, not %llu/%llu, "
			 "%llu/%llu",
			 (ull)got.blocks_free, (ull)got.blocks, (ull)got.inodes_free,
			 (ull)got.inodes, (ull)want.blocks_free, (ull)want.blocks,
			 (ull)want.inodes_free, (ull)want.inodes);
}

static uint64_t random_limit(struct run *run, uint64_t used, uint64_t more)
{
	switch (run_random(run, 4)) {
	case 0:
		return used + run_random(run, more / 8);
	case 1:
		return used / 2; /* nothing more fits, until things are removed */
	default:
		return used + run_random(run, more);
	}
}

/* New limits, as spoolctl set gives them: none, or a little more than what is in use. */
void op_limits(struct run *run)
{
	unsigned int which = (unsigned int)run_random(run, 64);
	size_t user = 1 + run_random(run, RUN_UIDS - 1);

	for (int res = 0; res < SPOOL_RES_N; res++) {
		uint64_t more = res == SPOOL_RES_INODES ? 24 : 600000;

		run->limits.mount[res] = run->limits.user[res] = UINT64_MAX;
		if ((which & 9) == 1)
			run->limits.mount[res] = random_limit(run, run->before.mount[res], more);
		if ((which & 18) == 2)
			run->limits.user[res] =
				random_limit(run, run->before.users[user][res], more);
	}
	run->limits.pageout_reserve = which & 4 ? 65536 : 0;
	run_begin(run, "limits(mount %s, user %s)", (which & 9) == 1 ? "small" : "none",
		  (which & 18) == 2 ? "small" : "none");
	spool_quota_set_limits(run->engine->quota, &run->limits);
	run_settle(run, 0, NULL);
}
