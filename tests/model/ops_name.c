/* SPDX-License-Identifier: MIT */

/* Random operations on names. */

#include "run.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

typedef unsigned long long ull;

/* More than any inode, entry or account takes besides the texts in it. */
#define METADATA 2048u

static struct run_need metadata(struct run *run, const struct spool_cred *cred, uint64_t dir,
				size_t bytes, uint64_t inodes)
{
	uid_t payer = model_payer(run->model, cred, dir);

	return (struct run_need){.amount = {METADATA + bytes, METADATA + bytes, inodes},
				 .payers = {payer, payer}};
}

void op_lookup(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	struct spool_attr attr = {0};
	struct run_need need;
	char name[300];
	uint64_t dir;
	int r;

	run_entry(run, &dir, name);
	need = metadata(run, &cred, dir, 0, 1); /* in the private root a directory may be made */
	if (cred.uid == 0)
		need.payers[1] = (uid_t)strtoul(name, NULL, 10);
	run_begin(run, "lookup(uid %u, %llu, \"%.24s\")", cred.uid, (ull)dir, name);
	r = spool_engine_lookup(run->engine, &cred, dir, name, &attr);
	if (!run_settle(run, r, &need))
		return;
	run_same(run, model_lookup(run->model, &cred, dir, name, attr.ino));
	if (r == 0)
		check_attr(run, "lookup", model_entry(run->model, dir, name)->ino, &attr);
}

void op_forget(struct run *run)
{
	uint64_t ino = run_node(run, 0);
	struct model_node *node = model_find(run->model, ino);
	uint64_t count = node && node->n_lookup ? 1 + run_random(run, node->n_lookup) : 1;

	if (run_random(run, 16) == 0)
		count += 3; /* more than is owed: the rest is ignored */
	run_begin(run, "forget(%llu, %llu)", (ull)ino, (ull)count);
	spool_engine_forget(run->engine, ino, count);
	run_settle(run, 0, NULL);
	model_forget(run->model, ino, count);
}

static const char *random_target(struct run *run)
{
	static char text[SPOOL_SYMLINK_MAX + 2];
	static const size_t sizes[] = {1, 5, 60, 1000, SPOOL_SYMLINK_MAX, 5, 60, 7};
	size_t len = sizes[run_random(run, 8)];

	if (run_random(run, 30) == 0)
		len = run_random(run, 2) ? 0 : SPOOL_SYMLINK_MAX + 1;
	memset(text, 't', len);
	text[len] = '\0';
	return text;
}

/* What random_make() chose: which function makes it */
enum kind { CREATE, TMPFILE, MKDIR, SYMLINK, MKNOD, KINDS };
static const char *const kinds[KINDS] = {"create", "tmpfile", "mkdir", "symlink", "mknod"};

static enum kind random_make(struct run *run, struct model_make *make)
{
	static const enum kind choice[] = {CREATE, CREATE,  CREATE, TMPFILE, MKDIR,
					   MKDIR,  SYMLINK, MKNOD,  MKNOD};
	static const mode_t nodes[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	enum kind kind = choice[run_random(run, 9)];
	mode_t mode = run_mode(run);

	*make = (struct model_make){.mode = S_IFREG | mode, .open = kind <= TMPFILE};
	if (kind == MKDIR)
		make->mode = S_IFDIR | mode;
	if (kind == MKNOD) {
		make->mode = nodes[run_random(run, 5)] | mode;
		make->rdev = makedev(8, run_random(run, 256));
	}
	if (kind == SYMLINK) {
		make->mode = S_IFLNK | 0777;
		make->target = random_target(run);
	}
	return kind;
}

static int make(struct run *run, enum kind kind, const struct spool_cred *cred, uint64_t dir,
		const char *name, const struct model_make *what, struct spool_attr *ret)
{
	mode_t bits = what->mode & 07777;

	switch (kind) {
	case CREATE:
		return spool_engine_create(run->engine, cred, dir, name, bits, ret);
	case TMPFILE:
		return spool_engine_tmpfile(run->engine, cred, dir, bits, ret);
	case MKDIR:
		return spool_engine_mkdir(run->engine, cred, dir, name, bits, ret);
	case SYMLINK:
		return spool_engine_symlink(run->engine, cred, dir, name, what->target, ret);
	default:
		return spool_engine_mknod(run->engine, cred, dir, name, what->mode, what->rdev,
					  ret);
	}
}

void op_create(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	struct spool_attr attr = {0};
	uint64_t dir = run_dir(run);
	const char *name = run_name(run);
	struct model_make what;
	enum kind kind = random_make(run, &what);
	struct run_need need = metadata(run, &cred, dir,
					strlen(name) + (what.target ? strlen(what.target) : 0), 1);
	int r;

	life_settle(run, dir);
	run_begin(run, "%s(uid %u, session %llu, %llu, \"%.24s\", %o)", kinds[kind], cred.uid,
		  (ull)cred.session, (ull)dir, kind == TMPFILE ? "" : name, what.mode);
	r = make(run, kind, &cred, dir, name, &what, &attr);
	if (!run_settle(run, r, &need))
		return;
	run_same(run, model_make(run->model, &cred, dir, kind == TMPFILE ? NULL : name, &what,
				 attr.ino));
	if (r == 0)
		check_attr(run, kinds[kind], attr.ino, &attr);
}

void op_link(struct run *run)
{
	static const mode_t types[] = {S_IFREG, S_IFREG, S_IFLNK, 0};
	struct spool_cred cred = run_cred(run);
	struct spool_attr attr = {0};
	uint64_t ino = run_node(run, types[run_random(run, 4)]), dir = run_dir(run);
	const char *name = run_name(run);
	struct run_need need = metadata(run, &cred, dir, strlen(name), 0);
	struct model_node *node = model_find(run->model, ino);
	int r;

	if (node)
		need.payers[1] = node->payer; /* of the session that a first name has */
	life_settle(run, dir);
	run_begin(run, "link(uid %u, %llu, %llu, \"%.24s\")", cred.uid, (ull)ino, (ull)dir, name);
	r = spool_engine_link(run->engine, &cred, ino, dir, name, &attr);
	if (!run_settle(run, r, &need))
		return;
	run_same(run, model_link(run->model, &cred, ino, dir, name));
	if (r == 0)
		check_attr(run, "link", ino, &attr);
}

static void remove_name(struct run *run, bool want_dir)
{
	struct spool_cred cred = run_cred(run);
	char name[300];
	uint64_t dir;
	int r;

	run_entry(run, &dir, name);
	run_begin(run, "%s(%llu, \"%.24s\")", want_dir ? "rmdir" : "unlink", (ull)dir, name);
	if (want_dir)
		r = spool_engine_rmdir(run->engine, &cred, dir, name);
	else
		r = spool_engine_unlink(run->engine, &cred, dir, name);
	if (run_settle(run, r, NULL))
		run_same(run, model_remove(run->model, dir, name, want_dir));
}

void op_unlink(struct run *run)
{
	remove_name(run, false);
}

void op_rmdir(struct run *run)
{
	remove_name(run, true);
}

void op_rename(struct run *run)
{
	static const unsigned int choice[] = {
		0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE};
	struct spool_cred cred = run_cred(run);
	unsigned int flags = run_random(run, 60) ? choice[run_random(run, 7)] : 7;
	char name[300], new_name[300];
	uint64_t dir, new_dir;
	struct run_need need;
	int r;

	run_entry(run, &dir, name);
	run_entry(run, &new_dir, new_name);
	if (run_random(run, 3) == 0)
		new_dir = dir;
	if (run_random(run, 2))
		strcpy(new_name, run_name(run));
	need = metadata(run, &cred, new_dir, strlen(new_name), 0);
	run_begin(run, "rename(uid %u, %llu, \"%.24s\", %llu, \"%.24s\", %u)", cred.uid, (ull)dir,
		  name, (ull)new_dir, new_name, flags);
	r = spool_engine_rename(run->engine, &cred, dir, name, new_dir, new_name, flags);
	if (run_settle(run, r, &need))
		run_same(run, model_rename(run->model, dir, name, new_dir, new_name, flags));
}

void op_readlink(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	uint64_t ino = run_node(run, S_IFLNK);
	struct model_node *node = model_find(run->model, ino);
	char text[SPOOL_SYMLINK_MAX + 1], self[16];
	int r;

	run_begin(run, "readlink(uid %u, %llu)", cred.uid, (ull)ino);
	r = spool_engine_readlink(run->engine, &cred, ino, text);
	run_settle(run, r, NULL);
	run_same(run, !node ? -ESTALE : S_ISLNK(node->mode) ? 0 : -EINVAL);
	if (r < 0)
		return;
	snprintf(self, sizeof(self), "%u", cred.uid);
	if (strcmp(text, node->role == MODEL_SELF ? self : node->target) != 0)
		run_fail(run, "readlink gives \"%.60s\"", text);
	model_accessed(run->model, node);
}

/* A few more entries of a listing that has begun some time ago, or from the start. */
void op_readdir(struct run *run)
{
	struct spool_cred cred = run_cred(run);
	size_t i = run_random(run, RUN_STREAMS);
	bool plus = run_random(run, 2);
	size_t room = run_random(run, 5);

	if (run_random(run, 4) == 0) {
		run->streams[i].dir = run_random(run, 8) ? run_dir(run) : run_node(run, 0);
		run->streams[i].cookie = 0;
	}
	run_begin(run, "readdir%s(uid %u, %llu, after %llu, %zu entries)", plus ? "plus" : "",
		  cred.uid, (ull)run->streams[i].dir, (ull)run->streams[i].cookie, room);
	run->streams[i].cookie =
		check_list(run, &cred, run->streams[i].dir, run->streams[i].cookie, plus, room);
}
