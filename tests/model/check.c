/* SPDX-License-Identifier: MIT */

/* The engine and the model side by side. */

#include "run.h"

#include <string.h>
#include <sys/stat.h>

typedef unsigned long long ull;

void check_usage_take(struct run *run, struct run_usage *ret)
{
	struct spool_engine_stat stat;
	struct spool_usage usage;

	spool_engine_stat(run->engine, &stat);
	memcpy(ret->mount, stat.usage.used, sizeof(ret->mount));
	for (size_t i = 0; i < RUN_UIDS; i++) {
		spool_engine_user_usage(run->engine, run_uids[i], &usage);
		memcpy(ret->users[i], usage.used, sizeof(ret->users[i]));
	}
}

static void same(struct run *run, const char *what, uint64_t ino, const char *field, uint64_t got,
		 uint64_t want)
{
	if (got != want)
		run_fail(run, "%s: inode %llu: %s is %llu, not %llu", what, (ull)ino, field,
			 (ull)got, (ull)want);
}

static void same_time(struct run *run, const char *what, uint64_t ino, const char *field,
		      const struct timespec *got, const struct timespec *want)
{
	if (got->tv_sec != want->tv_sec || got->tv_nsec != want->tv_nsec)
		run_fail(run, "%s: inode %llu: %s is %lld.%09ld, not %lld.%09ld", what, (ull)ino,
			 field, (long long)got->tv_sec, got->tv_nsec, (long long)want->tv_sec,
			 want->tv_nsec);
}

void check_attr(struct run *run, const char *what, uint64_t ino, const struct spool_attr *got)
{
	struct spool_attr want;

	model_attr(run->model, model_find(run->model, ino), &want);
	same(run, what, ino, "ino", got->ino, want.ino);
	same(run, what, ino, "size", got->size, want.size);
	same(run, what, ino, "blocks", got->blocks, want.blocks);
	same(run, what, ino, "mode", got->mode, want.mode);
	same(run, what, ino, "nlink", got->nlink, want.nlink);
	same(run, what, ino, "uid", got->uid, want.uid);
	same(run, what, ino, "gid", got->gid, want.gid);
	same(run, what, ino, "rdev", got->rdev, want.rdev);
	same_time(run, what, ino, "atime", &got->atime, &want.atime);
	same_time(run, what, ino, "mtime", &got->mtime, &want.mtime);
	same_time(run, what, ino, "ctime", &got->ctime, &want.ctime);
}

/* What a listing emitted */
struct listing {
	size_t n, room;
	struct {
		char name[256];
		struct spool_attr attr;
		uint64_t cookie;
	} entries[64];
};

static bool emit(void *arg, const char *name, size_t len, const struct spool_attr *attr,
		 uint64_t cookie)
{
	struct listing *list = arg;

	if (list->n == list->room)
		return false;
	memcpy(list->entries[list->n].name, name, len);
	list->entries[list->n].name[len] = '\0';
	list->entries[list->n].attr = *attr;
	list->entries[list->n++].cookie = cookie;
	return true;
}

/* The entry that must come after @cookie. Return: false at the end. */
static bool expected(struct run *run, const struct spool_cred *cred, struct model_node *dir,
		     uint64_t cookie, struct model_entry *ret)
{
	struct model_entry *entry;

	if (cookie < 2) {
		*ret = (struct model_entry){.ino = cookie == 0 ? dir->ino : dir->above,
					    .cookie = cookie + 1};
		strcpy(ret->name, cookie == 0 ? "." : "..");
		return true;
	}
	entry = model_next(run->model, cred, dir->ino, cookie);
	if (entry)
		*ret = *entry;
	return entry;
}

static void check_entry(struct run *run, const struct listing *list, size_t i,
			const struct model_entry *want, bool plus)
{
	const struct spool_attr *attr = &list->entries[i].attr;
	struct model_node *node = model_find(run->model, want->ino);

	if (strcmp(list->entries[i].name, want->name) != 0)
		run_fail(run, "listing: \"%.60s\" instead of \"%.60s\"", list->entries[i].name,
			 want->name);
	same(run, "listing", want->ino, "ino", attr->ino, want->ino);
	same(run, "listing", want->ino, "cookie", list->entries[i].cookie, want->cookie);
	same(run, "listing", want->ino, "type", attr->mode & S_IFMT, node->mode & S_IFMT);
	if (plus && want->cookie > 2) {
		check_attr(run, "listing", want->ino, attr);
		node->n_lookup++;
	}
}

uint64_t check_list(struct run *run, const struct spool_cred *cred, uint64_t dir, uint64_t cookie,
		    bool plus, size_t room)
{
	struct model_node *node = model_find(run->model, dir);
	struct listing list = {.room = room};
	struct model_entry want;
	int r = spool_engine_readdir(run->engine, cred, dir, cookie, NULL, plus, emit, &list);
	size_t i;

	run_settle(run, r, NULL);
	run_same(run, !node ? -ESTALE : model_is_dir(node) ? 0 : -ENOTDIR);
	if (r < 0)
		return 0;
	for (i = 0; i < list.n; i++) {
		if (!expected(run, cred, node, cookie, &want))
			run_fail(run, "listing: \"%.60s\" is too much", list.entries[i].name);
		check_entry(run, &list, i, &want, plus);
		cookie = want.cookie;
	}
	if (i < room && expected(run, cred, node, cookie, &want))
		run_fail(run, "listing: \"%.60s\" is missing", want.name);
	model_accessed(run->model, node);
	return cookie;
}

static void check_contents(struct run *run, uint64_t ino)
{
	struct model_node *node = model_find(run->model, ino);
	uint64_t off = 0;
	size_t len;

	if (!node || !model_is_file(node))
		return;
	len = node->size < MODEL_DATA ? node->size : MODEL_DATA;
	for (int i = 0; i < 2; i++) { /* all that may hold data, and the last bytes */
		ssize_t want = model_read(run->model, ino, run->model_buf, len, off);
		ssize_t got = spool_engine_read(run->engine, ino, run->buf, len, off, 0);

		if (got != want)
			run_fail(run, "inode %llu: %zd bytes instead of %zd", (ull)ino, got, want);
		for (ssize_t at = 0; at < got && memcmp(run->buf, run->model_buf, (size_t)got) != 0;
		     at++) {
			if (run->buf[at] != run->model_buf[at])
				run_fail(run, "inode %llu: byte %llu is %02x, not %02x", (ull)ino,
					 (ull)off + (ull)at, run->buf[at], run->model_buf[at]);
		}
		if (node->size <= MODEL_DATA)
			return;
		len = 100;
		off = node->size - len;
	}
}

static uint64_t over(uint64_t limit, uint64_t reserve)
{
	return limit > UINT64_MAX - reserve ? UINT64_MAX : limit + reserve;
}

/* Nothing may grow above a limit, and what failed may have changed nothing. */
static void check_limits(struct run *run, uid_t uid, const uint64_t *now, const uint64_t *before,
			 const uint64_t *limit)
{
	for (int res = 0; res < SPOOL_RES_N; res++) {
		uint64_t reserve = run->may_use_reserve && res != SPOOL_RES_INODES
					   ? run->limits.pageout_reserve
					   : 0;

		/* with a disk, a block may have come back into RAM all the same */
		if (run->result < 0 && now[res] != before[res] &&
		    !(run->tier && res == SPOOL_RES_RAM))
			run_fail(run, "a refused operation changed use %d of %d from %llu to %llu",
				 res, (int)uid, (ull)before[res], (ull)now[res]);
		if (now[res] > before[res] && now[res] > over(limit[res], reserve))
			run_fail(run, "use %d of %d is %llu, above the limit of %llu", res,
				 (int)uid, (ull)now[res], (ull)limit[res]);
	}
}

static size_t user_index(uid_t uid)
{
	size_t i = 0;

	while (run_uids[i] != uid)
		i++;
	return i;
}

/* Inodes to the last one; bytes between what the data take and what all of it might. */
static void check_accounts(struct run *run, const struct run_usage *now)
{
	uint64_t inodes[RUN_UIDS] = {0}, pages[RUN_UIDS] = {0}, opens = 0;
	uint64_t blocks = 0, n = 0, text = 0, orphans = 0;
	struct spool_engine_stat stat;
	struct spool_attr attr;

	for (size_t i = 0; i < run->model->n_nodes; i++) {
		const struct model_node *node = &run->model->nodes[i];

		inodes[user_index(node->payer)]++;
		pages[user_index(node->payer)] += model_pages(node);
		blocks += model_blocks(node);
		opens += node->n_open;
		model_attr(run->model, node, &attr);
		orphans += attr.nlink == 0;
		text += node->target ? strlen(node->target) : 0;
		for (size_t j = 0; j < node->n_xattrs; j++)
			text += node->xattrs[j].size + 512;
	}
	for (size_t i = 0; i < RUN_UIDS; i++) {
		same(run, "account", run_uids[i], "inodes", now->users[i][SPOOL_RES_INODES],
		     inodes[i]);
		if (now->users[i][SPOOL_RES_SIZE] < pages[i] * MODEL_PAGE)
			run_fail(run, "uid %u pays for less than it has", run_uids[i]);
		n += pages[i];
	}
	text += run->model->n_nodes * 4096 + run->model->n_entries * 1024;
	if (now->mount[SPOOL_RES_SIZE] > n * MODEL_PAGE + text ||
	    now->mount[SPOOL_RES_RAM] > blocks * MODEL_BLOCK + text)
		run_fail(run, "more is charged than there is");
	spool_engine_stat(run->engine, &stat);
	same(run, "mount", 0, "inodes", stat.inodes, run->model->n_nodes);
	same(run, "mount", 0, "open files", stat.open_files, opens);
	same(run, "mount", 0, "orphans", spool_engine_orphans(run->engine), orphans);
}

void check_step(struct run *run)
{
	struct spool_attr attr;
	struct run_usage now;

	model_collect(run->model);
	for (size_t i = 0; i < run->model->n_nodes; i++) {
		uint64_t ino = run->model->nodes[i].ino;

		if (spool_engine_getattr(run->engine, ino, &attr) < 0)
			run_fail(run, "inode %llu is gone", (ull)ino);
		check_attr(run, "stat", ino, &attr);
	}
	for (size_t i = 0; i < run->model->n_gone && i < MODEL_GONE; i++) {
		if (spool_engine_getattr(run->engine, run->model->gone[i], &attr) != -ESTALE)
			run_fail(run, "inode %llu is still there", (ull)run->model->gone[i]);
	}
	check_usage_take(run, &now);
	check_limits(run, (uid_t)-1, now.mount, run->before.mount, run->limits.mount);
	for (size_t i = 0; i < RUN_UIDS; i++)
		check_limits(run, run_uids[i], now.users[i], run->before.users[i],
			     run->limits.user);
	check_accounts(run, &now);
	run->before = now;
	check_contents(run, run->touched[0]);
	check_contents(run, run->touched[1]);
}

/* The names of all. */
static ssize_t list_xattrs(struct run *run, const struct model_node *node, void *buf, size_t size)
{
	bool trusted = true;

	return spool_engine_listxattr(run->engine, node->ino, buf, size, &trusted);
}

static void check_xattrs(struct run *run, struct model_node *node)
{
	ssize_t got = list_xattrs(run, node, run->buf, MODEL_DATA);
	size_t want = 0;

	for (size_t i = 0; i < node->n_xattrs; i++) {
		const struct model_xattr *xattr = &node->xattrs[i];
		ssize_t size = spool_engine_getxattr(run->engine, node->ino, xattr->name,
						     run->model_buf, MODEL_DATA);

		want += strlen(xattr->name) + 1;
		if (size != (ssize_t)xattr->size ||
		    memcmp(run->model_buf, xattr->value, xattr->size) != 0)
			run_fail(run, "inode %llu: the value of %.20s differs", (ull)node->ino,
				 xattr->name);
		if (!memmem(run->buf, (size_t)got, xattr->name, strlen(xattr->name) + 1))
			run_fail(run, "inode %llu: %.20s is not listed", (ull)node->ino,
				 xattr->name);
	}
	if (got != (ssize_t)want || list_xattrs(run, node, NULL, 0) != got ||
	    (got > 1 && list_xattrs(run, node, run->buf, (size_t)got - 1) != -ERANGE))
		run_fail(run, "inode %llu: the list of xattrs has %zd bytes, not %zu",
			 (ull)node->ino, got, want);
}

void check_all(struct run *run)
{
	const struct spool_cred root = {0};

	for (size_t i = 0; i < run->model->n_nodes; i++) {
		struct model_node *node = &run->model->nodes[i];
		char text[SPOOL_SYMLINK_MAX + 1];

		check_contents(run, node->ino);
		check_xattrs(run, node);
		if (node->target) {
			if (spool_engine_readlink(run->engine, &root, node->ino, text) < 0 ||
			    strcmp(text, node->target) != 0)
				run_fail(run, "inode %llu: another target", (ull)node->ino);
			model_accessed(run->model, node);
		}
		for (uint64_t cookie = 0, next; model_is_dir(node); cookie = next) {
			next = check_list(run, &root, node->ino, cookie, false, 64);
			if (next == cookie)
				break;
		}
	}
}
