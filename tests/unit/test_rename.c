/* SPDX-License-Identifier: MIT */

/*
 * rename(2) and renameat2(2): every pair of kinds, flags, directories into themselves, what moves
 * with what, and a random run against a model that only knows names.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
}

static int move(uint64_t from, const char *name, uint64_t to, const char *new_name,
		unsigned int flags)
{
	return spool_engine_rename(rig.engine, &rig.cred, from, name, to, new_name, flags);
}

static void test_arguments(void)
{
	char longest[SPOOL_NAME_MAX + 2];

	start();
	memset(longest, 'x', sizeof(longest));
	longest[SPOOL_NAME_MAX + 1] = '\0';
	rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "g", RENAME_WHITEOUT), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "g", RENAME_NOREPLACE | RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "g", 1u << 31), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "..", 0), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, ".", ROOT, "g", 0), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, longest, 0), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(move(ROOT, longest, ROOT, "g", 0), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(move(ROOT, "none", ROOT, "g", 0), -ENOENT);
	CU_ASSERT_EQUAL(move(ROOT, "none", ROOT, "f", 0), -ENOENT);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "none", RENAME_EXCHANGE), -ENOENT);
	CU_ASSERT_EQUAL(move(ROOT, "none", ROOT, "f", RENAME_EXCHANGE), -ENOENT);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "f", 0), 0);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "f", RENAME_EXCHANGE), 0);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "f", RENAME_NOREPLACE), -EEXIST);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).size, SPOOL_DIR_ENTRY_SIZE);
	engine_rig_fini(&rig);
}

/* Source and target: file, empty directory, full directory; in one directory or in two. */
enum kind { NONE, FILE_KIND, EMPTY_DIR, FULL_DIR, KINDS };

static uint64_t make_kind(enum kind kind, uint64_t parent, const char *name)
{
	uint64_t ino;

	switch (kind) {
	case FILE_KIND:
		return rig_file(&rig, parent, name);
	case EMPTY_DIR:
		return rig_mkdir(&rig, parent, name);
	case FULL_DIR:
		ino = rig_mkdir(&rig, parent, name);
		rig_file(&rig, ino, "child");
		return ino;
	default:
		return 0;
	}
}

static int expected(enum kind source, enum kind target, unsigned int flags)
{
	if (source == NONE)
		return -ENOENT;
	if (flags == RENAME_EXCHANGE)
		return target == NONE ? -ENOENT : 0;
	if (target == NONE)
		return 0;
	if (flags == RENAME_NOREPLACE)
		return -EEXIST;
	if (source != FILE_KIND && target == FILE_KIND)
		return -ENOTDIR;
	if (source == FILE_KIND && target != FILE_KIND)
		return -EISDIR;
	return target == FULL_DIR ? -ENOTEMPTY : 0;
}

static void one_pair(enum kind source, enum kind target, unsigned int flags, bool two_dirs)
{
	uint64_t from, to, a, b;
	int r;

	start();
	from = rig_mkdir(&rig, ROOT, "from");
	to = two_dirs ? rig_mkdir(&rig, ROOT, "to") : from;
	a = make_kind(source, from, "a");
	b = make_kind(target, to, "b");
	r = move(from, "a", to, "b", flags);
	CU_ASSERT_EQUAL(r, expected(source, target, flags));
	if (r < 0) {
		CU_ASSERT_EQUAL(rig_ino(&rig, from, "a"), a);
		CU_ASSERT_EQUAL(rig_ino(&rig, to, "b"), b);
	} else {
		CU_ASSERT_EQUAL(rig_ino(&rig, from, "a"), flags == RENAME_EXCHANGE ? b : 0);
		CU_ASSERT_EQUAL(rig_ino(&rig, to, "b"), a);
	}
	engine_rig_fini(&rig);
}

static void test_all_pairs(void)
{
	static const unsigned int flags[] = {0, RENAME_NOREPLACE, RENAME_EXCHANGE};

	for (int source = 0; source < KINDS; source++) {
		for (int target = 0; target < KINDS; target++) {
			for (size_t i = 0; i < SPOOL_ARRAY_SIZE(flags); i++) {
				one_pair(source, target, flags[i], false);
				one_pair(source, target, flags[i], true);
			}
		}
	}
}

static void test_into_itself(void)
{
	uint64_t a, b, c;

	start();
	a = rig_mkdir(&rig, ROOT, "a");
	b = rig_mkdir(&rig, a, "b");
	c = rig_mkdir(&rig, b, "c");
	rig_file(&rig, c, "f");
	CU_ASSERT_EQUAL(move(ROOT, "a", a, "x", 0), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "a", c, "x", 0), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "a", a, "b", 0), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "a", b, "c", RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(move(b, "c", ROOT, "a", RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(move(b, "c", ROOT, "a", 0), -ENOTEMPTY);
	CU_ASSERT_EQUAL(move(c, "f", ROOT, "a", 0), -EISDIR);
	CU_ASSERT_EQUAL(move(c, "f", ROOT, "a", RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(move(c, "f", a, "b", RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	/* upwards and sideways is fine */
	CU_ASSERT_EQUAL(move(b, "c", ROOT, "c", 0), 0);
	CU_ASSERT_EQUAL(move(ROOT, "a", c, "a", 0), 0);
	CU_ASSERT_EQUAL(rig_ino(&rig, c, "a"), a);
	CU_ASSERT_EQUAL(move(ROOT, "c", b, "c", 0), -EINVAL);
	engine_rig_fini(&rig);
}

static void test_hard_links(void)
{
	struct spool_attr attr;
	uint64_t f;

	start();
	f = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &rig.cred, f, ROOT, "g", &attr), 0);
	rig_tick(&rig);
	/* two names of one file: nothing happens, POSIX keeps both */
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "g", 0), 0);
	CU_ASSERT_EQUAL(rig_ino(&rig, ROOT, "f"), f);
	CU_ASSERT_EQUAL(rig_ino(&rig, ROOT, "g"), f);
	CU_ASSERT_EQUAL(rig_attr(&rig, f).nlink, 2);
	CU_ASSERT_EQUAL(rig_attr(&rig, f).ctime.tv_sec, attr.ctime.tv_sec);
	/* over one of two names */
	rig_file(&rig, ROOT, "h");
	CU_ASSERT_EQUAL(move(ROOT, "h", ROOT, "g", 0), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, f).nlink, 1);
	engine_rig_fini(&rig);
}

static void test_times(void)
{
	struct spool_attr before, after;
	uint64_t from, to, file, old;

	start();
	from = rig_mkdir(&rig, ROOT, "from");
	to = rig_mkdir(&rig, ROOT, "to");
	file = rig_file(&rig, from, "f");
	old = rig_file(&rig, to, "f");
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, old, false), 0);
	before = rig_attr(&rig, file);
	rig_tick(&rig);
	CU_ASSERT_EQUAL(move(from, "f", to, "f", 0), 0);
	after = rig_attr(&rig, file);
	CU_ASSERT_EQUAL(after.mtime.tv_sec, before.mtime.tv_sec);
	CU_ASSERT_EQUAL(after.ctime.tv_sec, before.ctime.tv_sec + 1);
	CU_ASSERT_EQUAL(rig_attr(&rig, from).mtime.tv_sec, after.ctime.tv_sec);
	CU_ASSERT_EQUAL(rig_attr(&rig, to).mtime.tv_sec, after.ctime.tv_sec);
	CU_ASSERT_EQUAL(rig_attr(&rig, to).ctime.tv_sec, after.ctime.tv_sec);
	CU_ASSERT_EQUAL(rig_attr(&rig, old).ctime.tv_sec, after.ctime.tv_sec);
	CU_ASSERT_EQUAL(rig_attr(&rig, old).nlink, 0);
	engine_rig_fini(&rig);
}

/* With nothing left a file can still be renamed and moved to a name that is no longer. */
static void test_when_full(void)
{
	uint64_t dir;

	start();
	dir = rig_mkdir(&rig, ROOT, "dir");
	rig_file(&rig, ROOT, "file");
	rig_limits(&rig, 1000, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(move(ROOT, "file", ROOT, "elif", 0), 0);
	CU_ASSERT_EQUAL(move(ROOT, "elif", dir, "abcd", 0), 0);
	CU_ASSERT_EQUAL(move(dir, "abcd", dir, "ab", 0), 0);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	CU_ASSERT_EQUAL(move(dir, "ab", dir, "abcdefghi", 0), -ENOSPC);
	CU_ASSERT_EQUAL(move(dir, "ab", dir, "abcd", 0), 0); /* what it had before */
	rig_limits(&rig, 1000, -1, 0, -1, 0);
	CU_ASSERT_EQUAL(move(dir, "abcd", dir, "abcdefghi", 0), -EDQUOT);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).size, SPOOL_DIR_ENTRY_SIZE);
	engine_rig_fini(&rig);
}

/* A target that exists keeps its place in the listing; a new name comes behind all others. */
static void test_places(void)
{
	struct spool_node *root;
	uint64_t place;

	start();
	rig_file(&rig, ROOT, "a");
	rig_file(&rig, ROOT, "b");
	root = rig.engine->root;
	place = spool_dir_find(root->dir, &rig.engine->hash, "b", 1)->cookie;
	CU_ASSERT_EQUAL(move(ROOT, "a", ROOT, "b", 0), 0);
	CU_ASSERT_EQUAL(spool_dir_find(root->dir, &rig.engine->hash, "b", 1)->cookie, place);
	CU_ASSERT_EQUAL(move(ROOT, "b", ROOT, "c", 0), 0);
	CU_ASSERT_TRUE(spool_dir_find(root->dir, &rig.engine->hash, "c", 1)->cookie > place);
	engine_rig_fini(&rig);
}

#define DIRS 6
#define NAMES 8

/* The model: what directory d's name n means, and where a directory is. */
struct model {
	uint64_t dirs[DIRS]; /* inode numbers; 0 is the root */
	uint64_t means[DIRS][NAMES];
};

static int model_dir(const struct model *model, uint64_t ino)
{
	for (int d = 0; d < DIRS; d++) {
		if (model->dirs[d] == ino)
			return d;
	}
	return -1;
}

/* Is directory @above the same as @dir, or somewhere over it? */
static bool model_above(const struct model *model, int above, int dir)
{
	while (dir != above && dir != 0) {
		int up = -1;

		for (int d = 0; d < DIRS && up < 0; d++) {
			for (int n = 0; n < NAMES; n++) {
				if (model->means[d][n] == model->dirs[dir])
					up = d;
			}
		}
		dir = up;
	}
	return dir == above;
}

static bool model_empty(const struct model *model, int dir)
{
	for (int n = 0; n < NAMES; n++) {
		if (model->means[dir][n])
			return false;
	}
	return true;
}

static int model_move(struct model *model, int fd, int fn, int td, int tn, unsigned int flags)
{
	uint64_t *from = &model->means[fd][fn], *to = &model->means[td][tn], keep = *to;
	int source = model_dir(model, *from), target = *to ? model_dir(model, *to) : -1;

	if (!*from || (!*to && flags == RENAME_EXCHANGE))
		return -ENOENT;
	if (*to && flags == RENAME_NOREPLACE)
		return -EEXIST;
	if (source >= 0 && model_above(model, source, td))
		return fd == td && fn == tn ? 0 : -EINVAL;
	if (*from == *to)
		return 0;
	if (*to && flags == 0 && (source >= 0) != (target >= 0))
		return source >= 0 ? -ENOTDIR : -EISDIR;
	if (target >= 0 && model_above(model, target, fd))
		return flags == RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (target >= 0 && flags == 0)
		return model_empty(model, target) ? 1 : -ENOTEMPTY; /* 1: not done here */
	*to = *from;
	*from = flags == RENAME_EXCHANGE ? keep : 0;
	return 0;
}

static unsigned int differences(const struct model *model)
{
	unsigned int wrong = 0;
	char name[2] = "a";

	for (int d = 0; d < DIRS; d++) {
		for (int n = 0; n < NAMES; n++) {
			name[0] = (char)('a' + n);
			wrong += rig_ino(&rig, model->dirs[d], name) != model->means[d][n];
		}
	}
	return wrong;
}

static void test_random(void)
{
	static const unsigned int flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	struct model model = {.dirs = {ROOT}};
	uint64_t state = rig_seed();
	unsigned int wrong = 0;

	start();
	for (int d = 1; d < DIRS; d++)
		model.means[0][d] = model.dirs[d] =
			rig_mkdir(&rig, ROOT, (char[]){(char)('a' + d), 0});
	for (int step = 0; step < 20000 && wrong == 0; step++) {
		int fd = (int)rig_random(&state, DIRS), td = (int)rig_random(&state, DIRS);
		int fn = (int)rig_random(&state, NAMES), tn = (int)rig_random(&state, NAMES);
		char from[2] = {(char)('a' + fn)}, to[2] = {(char)('a' + tn)};
		unsigned int how = flags[rig_random(&state, 4)];
		struct model before = model;
		int r;

		if (!model.means[fd][fn] && rig_random(&state, 10) == 0)
			model.means[fd][fn] = rig_file(&rig, model.dirs[fd], from);
		before = model;
		r = model_move(&model, fd, fn, td, tn, how);
		if (r == 1) { /* would remove a directory: the model keeps its six */
			model = before;
			continue;
		}
		wrong += move(model.dirs[fd], from, model.dirs[td], to, how) != r;
		wrong += differences(&model);
		if (step % 1000 == 0)
			wrong += engine_rig_audit(&rig);
		if (wrong)
			fprintf(stderr, "step %d: %d%s -> %d%s flags %u: model says %d\n", step, fd,
				from, td, to, how, r);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	engine_rig_fini(&rig);
}

/* What the old name means afterwards, with and without a target, in one directory and in two. */
static void test_whiteout(void)
{
	struct spool_attr left;
	uint64_t dir, file;

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	dir = rig_mkdir(&rig, ROOT, "dir");
	file = rig_file(&rig, ROOT, "f");
	for (int i = 0; i < 4; i++) {
		uint64_t to = i & 1 ? dir : ROOT;

		if (i & 2)
			rig_file(&rig, to, "g");
		CU_ASSERT_EQUAL(move(ROOT, "f", to, "g", RENAME_WHITEOUT), 0);
		CU_ASSERT_EQUAL(rig_ino(&rig, to, "g"), file);
		left = rig_attr(&rig, rig_ino(&rig, ROOT, "f"));
		CU_ASSERT_EQUAL(left.mode, S_IFCHR);
		CU_ASSERT_EQUAL(left.rdev, 0);
		CU_ASSERT_EQUAL(left.nlink, 1);
		CU_ASSERT_EQUAL(left.uid, rig.cred.uid);
		CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
		CU_ASSERT_EQUAL(move(to, "g", ROOT, "f", 0), 0);
	}
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "dir", RENAME_WHITEOUT | RENAME_NOREPLACE), -EEXIST);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "dir", RENAME_WHITEOUT | RENAME_EXCHANGE), -EINVAL);
	CU_ASSERT_EQUAL(move(ROOT, "f", ROOT, "f", RENAME_WHITEOUT), 0);
	CU_ASSERT_EQUAL(rig_ino(&rig, ROOT, "f"), file);
	/* one that fails leaves nothing behind */
	rig_file(&rig, dir, "inside");
	rig_mkdir(&rig, ROOT, "empty");
	CU_ASSERT_EQUAL(move(ROOT, "empty", ROOT, "dir", RENAME_WHITEOUT), -ENOTEMPTY);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	for (int64_t room = 0;; room++) {
		int r;

		rig_limits(&rig, rig.cred.uid, -1, room * 16, -1, -1);
		r = move(ROOT, "f", dir, "far", RENAME_WHITEOUT);
		if (r == 0)
			break;
		CU_ASSERT_EQUAL_FATAL(r, -EDQUOT);
		CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
		CU_ASSERT_EQUAL(rig_ino(&rig, ROOT, "f"), file);
	}
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"arguments", test_arguments},
		{"all_pairs", test_all_pairs},
		{"into_itself", test_into_itself},
		{"hard_links", test_hard_links},
		{"times", test_times},
		{"when_full", test_when_full},
		{"places", test_places},
		{"random", test_random},
		{"whiteout", test_whiteout},
	};

	return unit_run("rename", tests, SPOOL_ARRAY_SIZE(tests));
}
