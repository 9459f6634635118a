/* SPDX-License-Identifier: MIT */

/*
 * One directory by itself: names of all lengths, the bound on a search also when all names collide,
 * and listings that go on while entries come and go.
 */

#include <string.h>

#include "engine_rig.h"
#include "ns/dir.h"
#include "util/macros.h"

static const struct spool_hash real_hash = {.fn = spool_hash_xxh3, .seed = 42};

static uint64_t hash_constant(const void *name, size_t len, uint64_t seed)
{
	(void)name;
	(void)len;
	return seed;
}

static const struct spool_hash colliding = {.fn = hash_constant, .seed = 7};

static struct spool_entry *add(struct spool_dir *dir, const struct spool_hash *hash,
			       const char *name)
{
	struct spool_entry *entry = spool_entry_new(spool_host_system(), hash, name, strlen(name));

	spool_dir_insert(dir, entry);
	return entry;
}

static void drop(struct spool_dir *dir, struct spool_entry *entry)
{
	spool_dir_remove(dir, entry);
	spool_free(spool_host_system(), entry);
}

static void drop_all(struct spool_dir *dir)
{
	struct spool_entry *entry;

	while ((entry = spool_dir_after(dir, 0)))
		drop(dir, entry);
}

/* Comparisons that finding @entry takes: its depth in the tree. */
static unsigned int depth_of(struct spool_entry *entry)
{
	unsigned int depth = 1;

	while ((entry = RB_PARENT(entry, by_name)))
		depth++;
	return depth;
}

static unsigned int max_depth(struct spool_dir *dir)
{
	unsigned int max = 0;
	struct spool_entry *entry;

	for (entry = spool_dir_after(dir, 0); entry; entry = spool_dir_after(dir, entry->cookie))
		max = spool_max_u64(max, depth_of(entry));
	return max;
}

static void test_find(void)
{
	struct spool_dir dir;
	char name[SPOOL_NAME_MAX + 1];

	spool_dir_init(&dir);
	CU_ASSERT_PTR_NULL(spool_dir_find(&dir, &real_hash, "a", 1));
	memset(name, 'n', sizeof(name));
	for (size_t len = 1; len <= SPOOL_NAME_MAX; len++) {
		struct spool_entry *entry =
			spool_entry_new(spool_host_system(), &real_hash, name, len);

		CU_ASSERT_PTR_NULL(spool_dir_find(&dir, &real_hash, name, len));
		spool_dir_insert(&dir, entry);
		CU_ASSERT_PTR_EQUAL(spool_dir_find(&dir, &real_hash, name, len), entry);
		CU_ASSERT_EQUAL(strlen(entry->name), len);
	}
	CU_ASSERT_EQUAL(dir.n_entries, SPOOL_NAME_MAX);
	CU_ASSERT_PTR_NULL(spool_dir_find(&dir, &real_hash, name, SPOOL_NAME_MAX + 1));
	for (size_t len = 1; len <= SPOOL_NAME_MAX; len += 2)
		drop(&dir, spool_dir_find(&dir, &real_hash, name, len));
	for (size_t len = 1; len <= SPOOL_NAME_MAX; len++)
		CU_ASSERT_EQUAL(!!spool_dir_find(&dir, &real_hash, name, len), len % 2 == 0);
	drop_all(&dir);
	CU_ASSERT_EQUAL(dir.n_entries, 0);
}

static void test_any_byte_in_a_name(void)
{
	struct spool_dir dir;
	char name[2] = {0};

	spool_dir_init(&dir);
	for (int i = 1; i < 256; i++) {
		name[0] = (char)i;
		add(&dir, &real_hash, name);
	}
	for (int i = 1; i < 256; i++) {
		name[0] = (char)i;
		CU_ASSERT_EQUAL(spool_dir_find(&dir, &real_hash, name, 1)->cookie,
				SPOOL_COOKIE_FIRST + (uint64_t)i - 1);
	}
	drop_all(&dir);
}

static void test_collisions(void)
{
	struct spool_dir dir;
	char name[16];

	spool_dir_init(&dir);
	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		add(&dir, &colliding, name);
	}
	/* A red-black tree is at most 2 * log2(n + 1) deep: 2 * 14.3. */
	CU_ASSERT_TRUE(max_depth(&dir) <= 28);
	for (unsigned int i = 0; i < 20000; i += 7) {
		struct spool_entry *entry;

		snprintf(name, sizeof(name), "%u", i);
		entry = spool_dir_find(&dir, &colliding, name, strlen(name));
		CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
		CU_ASSERT_STRING_EQUAL(entry->name, name);
	}
	CU_ASSERT_PTR_NULL(spool_dir_find(&dir, &colliding, "20000", 5));
	/* a name that another begins with is another name */
	CU_ASSERT_PTR_NULL(spool_dir_find(&dir, &colliding, "", 0));
	drop_all(&dir);
}

/* What a million entries cost against a thousand: counted, not timed. */
static void test_million(void)
{
	static const unsigned int sizes[] = {1000, 1000000};
	unsigned int depth[2] = {0};

	for (int i = 0; i < 2; i++) {
		struct spool_dir dir;
		char name[16];

		spool_dir_init(&dir);
		for (unsigned int k = 0; k < sizes[i]; k++) {
			snprintf(name, sizeof(name), "tmp%u", k);
			add(&dir, &real_hash, name);
		}
		depth[i] = max_depth(&dir);
		drop_all(&dir);
	}
	printf("[comparisons at most: %u of 1000, %u of 1000000] ", depth[0], depth[1]);
	CU_ASSERT_TRUE(depth[0] <= 20);
	CU_ASSERT_TRUE(depth[1] <= 40);
	CU_ASSERT_TRUE(depth[1] <= 5 * depth[0] / 2);
}

static void test_cookies(void)
{
	struct spool_dir dir;
	struct spool_entry *a, *b, *c;

	spool_dir_init(&dir);
	a = add(&dir, &real_hash, "a");
	b = add(&dir, &real_hash, "b");
	CU_ASSERT_EQUAL(a->cookie, SPOOL_COOKIE_FIRST);
	CU_ASSERT_EQUAL(b->cookie, SPOOL_COOKIE_FIRST + 1);
	drop(&dir, b);
	c = add(&dir, &real_hash, "b");
	CU_ASSERT_EQUAL(c->cookie, SPOOL_COOKIE_FIRST + 2); /* never used again */
	CU_ASSERT_PTR_EQUAL(spool_dir_after(&dir, 0), a);
	CU_ASSERT_PTR_EQUAL(spool_dir_after(&dir, SPOOL_COOKIE_DOTDOT), a);
	CU_ASSERT_PTR_EQUAL(spool_dir_after(&dir, SPOOL_COOKIE_FIRST), c);
	CU_ASSERT_PTR_EQUAL(spool_dir_after(&dir, SPOOL_COOKIE_FIRST + 1), c);
	CU_ASSERT_PTR_NULL(spool_dir_after(&dir, SPOOL_COOKIE_FIRST + 2));
	CU_ASSERT_PTR_NULL(spool_dir_after(&dir, UINT64_MAX));
	CU_ASSERT_PTR_NULL(spool_dir_after(&dir, INT64_MAX));
	drop_all(&dir);
}

#define STABLE 500u

/* Even names are there all the time, odd ones come and go between the steps of a listing. */
static void churn(struct spool_dir *dir, uint64_t *state)
{
	char name[16];

	for (uint64_t n = rig_random(state, 8); n > 0; n--) {
		struct spool_entry *entry;

		snprintf(name, sizeof(name), "%u", (unsigned int)rig_random(state, STABLE) * 2 + 1);
		entry = spool_dir_find(dir, &real_hash, name, strlen(name));
		if (entry)
			drop(dir, entry);
		else
			add(dir, &real_hash, name);
	}
}

static void test_listing_under_churn(void)
{
	uint64_t state = rig_seed();
	struct spool_dir dir;
	char name[16];

	spool_dir_init(&dir);
	for (unsigned int i = 0; i < STABLE; i++) {
		snprintf(name, sizeof(name), "%u", i * 2);
		add(&dir, &real_hash, name);
		churn(&dir, &state);
	}
	for (int round = 0; round < 50; round++) {
		unsigned char seen[2 * STABLE] = {0};
		unsigned int wrong = 0, steps = 0;
		struct spool_entry *entry;
		uint64_t cookie = 0;

		/* Odd ones are made behind the reader for ever: a listing is bounded all the same
		 */
		while ((entry = spool_dir_after(&dir, cookie)) && steps < 100000) {
			unsigned int i = (unsigned int)strtoul(entry->name, NULL, 10);

			cookie = entry->cookie;
			if (i % 2 == 0)
				wrong += seen[i]++ != 0;
			if (steps++ < 2 * STABLE)
				churn(&dir, &state);
		}
		for (unsigned int i = 0; i < 2 * STABLE; i += 2)
			wrong += seen[i] != 1;
		CU_ASSERT_EQUAL(wrong, 0);
	}
	drop_all(&dir);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"find", test_find},
		{"any_byte_in_a_name", test_any_byte_in_a_name},
		{"collisions", test_collisions},
		{"million", test_million},
		{"cookies", test_cookies},
		{"listing_under_churn", test_listing_under_churn},
	};

	return unit_run("dir", tests, SPOOL_ARRAY_SIZE(tests));
}
