/* SPDX-License-Identifier: MIT */

/* Reading directories through the engine, in pieces, while their entries come and go. */

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

struct listing {
	unsigned int n, room;
	uint64_t last, wrong;
	unsigned char seen[1000];
	bool plus;
};

static bool emit(void *arg, const char *name, size_t len, const struct spool_attr *entry,
		 uint64_t cookie)
{
	struct listing *list = arg;

	if (list->n == list->room)
		return false;
	list->n++;
	list->wrong += cookie <= list->last;
	list->wrong += strlen(name) != len || entry->ino == 0 || !(entry->mode & S_IFMT);
	list->wrong += list->plus && name[0] != '.' && entry->nlink == 0;
	list->last = cookie;
	if (name[0] == 's')
		list->seen[strtoul(name + 1, NULL, 10)]++;
	return true;
}

static void test_readdir(void)
{
	struct listing list = {.room = 1};
	uint64_t file;

	start();
	file = rig_file(&rig, rig_mkdir(&rig, ROOT, "s1"), "f");
	rig_file(&rig, ROOT, "s2");
	CU_ASSERT_EQUAL(
		spool_engine_readdir(rig.engine, &rig.cred, ROOT, 0, NULL, false, emit, &list), 0);
	CU_ASSERT_EQUAL(list.last, SPOOL_COOKIE_DOT);
	list = (struct listing){.room = 100};
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, SPOOL_COOKIE_DOT, NULL, false, emit,
			     &list);
	CU_ASSERT_EQUAL(list.n, 3);
	CU_ASSERT_EQUAL(list.wrong, 0);
	CU_ASSERT_EQUAL(list.seen[1] + list.seen[2], 2);
	list = (struct listing){.room = 100};
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, UINT64_MAX, NULL, false, emit, &list);
	CU_ASSERT_EQUAL(list.n, 0);
	/* plus: one lookup for what was taken, but for dots, and none for what had no room */
	list = (struct listing){.room = 3, .plus = true};
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, 0, NULL, true, emit, &list);
	CU_ASSERT_EQUAL(list.n, 3);
	CU_ASSERT_EQUAL(list.wrong, 0);
	CU_ASSERT_EQUAL(spool_table_get(&rig.engine->table, ROOT)->n_lookup, 1);
	CU_ASSERT_EQUAL(spool_table_get(&rig.engine->table, rig_ino(&rig, ROOT, "s1"))->n_lookup,
			2);
	CU_ASSERT_EQUAL(spool_table_get(&rig.engine->table, rig_ino(&rig, ROOT, "s2"))->n_lookup,
			1);
	(void)file;
	CU_ASSERT_TRUE(spool_engine_free(rig.engine)); /* the gets above were not put */
}

/* A reader that adds and renames reaches the end; from the start again it sees all. */
static void test_readdir_ends(void)
{
	struct listing list = {.room = 1};
	uint64_t end = 0, before;
	char name[16];

	start();
	for (unsigned int i = 0; i < 10; i++)
		rig_file(&rig, ROOT, (snprintf(name, sizeof(name), "s%u", i), name));
	for (unsigned int steps = 0; list.n < 100 && steps < 100; steps++) {
		before = list.last;
		list.room = list.n + 1;
		spool_engine_readdir(rig.engine, &rig.cred, ROOT, list.last, &end, false, emit,
				     &list);
		if (list.last == before)
			break;
		snprintf(name, sizeof(name), "n%u", steps);
		rig_file(&rig, ROOT, name);
		spool_engine_rename(rig.engine, &rig.cred, ROOT, name, ROOT, "moved", 0);
	}
	CU_ASSERT_EQUAL(list.n, 12); /* with "." and ".." */
	list = (struct listing){.room = 100};
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, 0, &end, false, emit, &list);
	CU_ASSERT_EQUAL(list.n, 13);
	/* in the middle of a listing that was not begun here, what is there now */
	end = 0;
	before = list.last;
	list = (struct listing){.room = 100};
	rig_file(&rig, ROOT, "late");
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, before, &end, false, emit, &list);
	CU_ASSERT_EQUAL(list.n, 1);
	engine_rig_fini(&rig);
}

static void churn(uint64_t *state)
{
	char name[16], other[16];
	struct spool_attr attr;
	uint64_t to;

	for (uint64_t n = rig_random(state, 6); n > 0; n--) {
		snprintf(name, sizeof(name), "m%u", (unsigned int)rig_random(state, 300));
		snprintf(other, sizeof(other), "m%u", (unsigned int)rig_random(state, 300));
		to = rig_random(state, 4);
		if (to == 0 &&
		    spool_engine_create(rig.engine, &rig.cred, ROOT, name, 0666, &attr) == 0) {
			spool_engine_release(rig.engine, attr.ino);
			spool_engine_forget(rig.engine, attr.ino, 1);
		} else if (to == 1) {
			spool_engine_unlink(rig.engine, &rig.cred, ROOT, name);
		} else {
			spool_engine_rename(rig.engine, &rig.cred, ROOT, name, ROOT, other,
					    to == 2 ? 0 : RENAME_EXCHANGE);
		}
	}
}

/* Names s0 to s999 are never touched: every listing shows each once, whatever happens to others
 * and however small the pieces in which it is read. */
static void test_readdir_under_churn(void)
{
	uint64_t state = rig_seed();
	char name[16];

	start();
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		spool_engine_forget(rig.engine, rig_file(&rig, ROOT, name), 1);
		churn(&state);
	}
	for (unsigned int round = 0; round < 20; round++) {
		struct listing list = {.plus = round % 2};
		unsigned int steps = 0, wrong = 0;

		do {
			list.n = 0;
			list.room = (unsigned int)rig_random(&state, 40) + 1;
			spool_engine_readdir(rig.engine, &rig.cred, ROOT, list.last, NULL,
					     list.plus, emit, &list);
			churn(&state);
		} while (list.n > 0 && steps++ < 100000);
		for (unsigned int i = 0; i < 1000; i++)
			wrong += list.seen[i] != 1;
		CU_ASSERT_EQUAL(wrong, 0);
		CU_ASSERT_EQUAL(list.wrong, 0);
	}
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"readdir", test_readdir},
		{"readdir_ends", test_readdir_ends},
		{"readdir_under_churn", test_readdir_under_churn},
	};

	return unit_run("readdir", tests, SPOOL_ARRAY_SIZE(tests));
}
