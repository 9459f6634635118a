/* SPDX-License-Identifier: MIT */

/*
 * Inodes and their table: references, lookups that the kernel gives back (also too many of
 * them), growth step by step, times over the whole range, and what an empty file costs.
 */

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

static struct fault_host host;

static struct spool_node *new_node(uint64_t ino)
{
	struct spool_node *node = spool_node_new(&host.host, S_IFREG | 0600);

	node->ino = ino;
	return node;
}

static void test_references(void)
{
	struct spool_table table;
	struct spool_node *node, *again;
	uint64_t excess = 99;

	fault_host_init(&host);
	CU_ASSERT_EQUAL(spool_table_init(&table, &host.host), 0);
	node = new_node(5);
	spool_table_add(&table, node, 2, 1);
	CU_ASSERT_EQUAL(spool_table_count(&table), 1);
	CU_ASSERT_PTR_NULL(spool_table_get(&table, 0));
	CU_ASSERT_PTR_NULL(spool_table_get(&table, 5 + SPOOL_TABLE_SHARDS));
	CU_ASSERT_PTR_NULL(spool_table_get(&table, UINT64_MAX));
	again = spool_table_get(&table, 5);
	CU_ASSERT_PTR_EQUAL(again, node);
	CU_ASSERT_EQUAL(node->refs, 3);
	spool_table_ref(&table, node, 3, 2);
	CU_ASSERT_EQUAL(node->refs, 6);
	CU_ASSERT_EQUAL(node->n_lookup, 3);
	/* more than there are: clipped, and other references are not touched */
	CU_ASSERT_PTR_NULL(spool_table_forget(&table, 5, UINT64_MAX, 1, &excess));
	CU_ASSERT_EQUAL(excess, UINT64_MAX - 2);
	CU_ASSERT_EQUAL(node->n_lookup, 1);
	CU_ASSERT_EQUAL(node->refs, 4);
	CU_ASSERT_FALSE(spool_table_put(&table, node, 3, 0));
	CU_ASSERT_PTR_NULL(spool_table_forget(&table, 5, 1, 1, &excess));
	CU_ASSERT_EQUAL(excess, 1);
	CU_ASSERT_PTR_EQUAL(spool_table_forget(&table, 5, 1, 0, &excess), node);
	CU_ASSERT_EQUAL(excess, 0);
	CU_ASSERT_PTR_NULL(spool_table_get(&table, 5));
	CU_ASSERT_PTR_NULL(spool_table_forget(&table, 5, 3, 0, &excess));
	CU_ASSERT_EQUAL(excess, 3);
	CU_ASSERT_EQUAL(spool_table_count(&table), 0);
	spool_node_free(&host.host, node);
	spool_table_fini(&table);
	CU_ASSERT_EQUAL(host.live, 0);
}

static unsigned int longest_chain(const struct spool_table *table)
{
	unsigned int longest = 0;

	for (unsigned int i = 0; i < SPOOL_TABLE_SHARDS; i++) {
		const struct spool_shard *shard = &table->shards[i];

		for (uint64_t b = 0; b < shard->n_buckets; b++) {
			unsigned int s = 63 - (unsigned int)__builtin_clzll(b + 1), n = 0;
			const struct spool_node *node =
				shard->segments[s][b + 1 - ((uint64_t)1 << s)];

			for (; node; node = node->table_next)
				n++;
			longest = spool_max_u64(longest, n);
		}
	}
	return longest;
}

#define MANY 300000u

static void test_growth(void)
{
	struct spool_table table;
	struct spool_node *node;
	unsigned int missing = 0, n = 0;

	fault_host_init(&host);
	spool_table_init(&table, &host.host);
	for (uint64_t ino = 1; ino <= MANY; ino++) {
		uint64_t before = table.shards[ino % SPOOL_TABLE_SHARDS].n_buckets;

		spool_table_add(&table, new_node(ino), 1, 0);
		/* at most one bucket is split: no insertion waits for a whole table */
		if (table.shards[ino % SPOOL_TABLE_SHARDS].n_buckets > before + 1)
			missing++;
	}
	CU_ASSERT_EQUAL(missing, 0);
	CU_ASSERT_EQUAL(spool_table_count(&table), MANY);
	CU_ASSERT_TRUE(longest_chain(&table) <= 2);
	for (uint64_t ino = 1; ino <= MANY; ino++) {
		node = spool_table_get(&table, ino);
		missing += !node || node->ino != ino;
		if (node && ino % 3 && spool_table_put(&table, node, 2, 0)) {
			spool_node_free(&host.host, node);
			missing += spool_table_get(&table, ino) != NULL;
		}
	}
	CU_ASSERT_EQUAL(missing, 0);
	CU_ASSERT_EQUAL(spool_table_count(&table), MANY / 3);
	for (; (node = spool_table_pop(&table)); n++)
		spool_node_free(&host.host, node);
	CU_ASSERT_EQUAL(n, MANY / 3);
	spool_table_fini(&table);
	CU_ASSERT_EQUAL(host.live, 0);
}

/* Without memory the table does not grow, and works. */
static void test_growth_without_memory(void)
{
	struct spool_node *nodes[200], *node;
	struct spool_table table;
	unsigned int missing = 0;

	fault_host_init(&host);
	for (long nth = 1; nth <= SPOOL_TABLE_SHARDS; nth++) {
		fault_host_arm(&host, nth, false);
		CU_ASSERT_EQUAL(spool_table_init(&table, &host.host), -ENOMEM);
		CU_ASSERT_EQUAL(host.live, 0);
	}
	fault_host_arm(&host, 0, false);
	spool_table_init(&table, &host.host);
	for (uint64_t i = 0; i < SPOOL_ARRAY_SIZE(nodes); i++)
		nodes[i] = new_node(i + 1);
	fault_host_arm(&host, 1, true);
	for (uint64_t i = 0; i < SPOOL_ARRAY_SIZE(nodes); i++)
		spool_table_add(&table, nodes[i], 1, 0);
	fault_host_arm(&host, 0, false);
	for (uint64_t i = 0; i < SPOOL_ARRAY_SIZE(nodes); i++) {
		node = spool_table_get(&table, i + 1);
		missing += node != nodes[i];
		if (node)
			spool_table_put(&table, node, 1, 0);
	}
	CU_ASSERT_EQUAL(missing, 0);
	while ((node = spool_table_pop(&table)))
		spool_node_free(&host.host, node);
	spool_table_fini(&table);
	CU_ASSERT_EQUAL(host.live, 0);
}

static void test_times(void)
{
	static const int64_t seconds[] = {0,
					  1,
					  -1,
					  INT32_MAX,
					  (int64_t)INT32_MAX + 1,
					  INT32_MIN,
					  (int64_t)1 << 40,
					  INT64_MAX,
					  INT64_MIN};
	struct spool_node *node;
	struct timespec a, m, c;

	fault_host_init(&host);
	node = new_node(1);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(seconds); i++) {
		const struct timespec t = {.tv_sec = seconds[i], .tv_nsec = 999999999};

		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		spool_node_set_times_locked(node, i % 2 ? "am" : "mc", &t);
		spool_node_times_locked(node, &a, &m, &c);
		spool_mutex_unlock(&node->lock);
		CU_ASSERT_EQUAL(m.tv_sec, seconds[i]);
		CU_ASSERT_EQUAL(m.tv_nsec, 999999999);
		CU_ASSERT_EQUAL((i % 2 ? a : c).tv_sec, seconds[i]);
	}
	spool_node_free(&host.host, node);
}

/* Counts what malloc really gives, with its 8 bytes of header. */
static _Atomic uint64_t bytes_live;

static void *counting_alloc(void *ctx, size_t size)
{
	void *ptr = spool_host_system()->alloc(ctx, size);

	bytes_live += malloc_usable_size(ptr) + 8;
	return ptr;
}

static void counting_free(void *ctx, void *ptr)
{
	if (ptr)
		bytes_live -= malloc_usable_size(ptr) + 8;
	spool_host_system()->free(ctx, ptr);
}

#define FILES 100000u

/* An empty file with a usual name: node, entry and share of the table. */
static void test_cost_of_an_empty_file(void)
{
	const struct spool_config config =
		engine_rig_config(SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	const struct spool_cred cred = {.uid = 1000};
	struct spool_host counting = *spool_host_system();
	struct spool_engine *engine;
	struct spool_usage usage;
	struct spool_attr attr;
	uint64_t before, each;
	char name[32];
	int r = 0;

	counting.alloc = counting_alloc;
	counting.free = counting_free;
	CU_ASSERT_EQUAL_FATAL(spool_engine_new(&config, &counting, NULL, &engine), 0);
	before = bytes_live;
	for (unsigned int i = 0; i < FILES && r == 0; i++) {
		snprintf(name, sizeof(name), "tmp%08x.txt", i * 2654435761u);
		r = spool_engine_create(engine, &cred, SPOOL_INO_ROOT, name, 0600, &attr);
		spool_engine_release(engine, attr.ino);
		spool_engine_forget(engine, attr.ino, 1);
	}
	CU_ASSERT_EQUAL(r, 0);
	each = (bytes_live - before) / FILES;
	printf("[%llu bytes] ", (unsigned long long)each);
	CU_ASSERT_TRUE(each <= 432); /* 56 of them for what removes it by itself */
	/* what is charged covers what is used */
	spool_engine_user_usage(engine, 1000, &usage);
	CU_ASSERT_TRUE(usage.used[SPOOL_RES_RAM] / FILES >= each);
	CU_ASSERT_TRUE(spool_engine_free(engine));
	CU_ASSERT_EQUAL(bytes_live, 0);
}

/* Each inode that the kernel has looked up is listed, however small the steps are, though the table
 * grows meanwhile; no other is. */
static void test_list(void)
{
	enum { N = 1000, STEP = 7 };
	const struct spool_table_wanted known = {.known = true};
	struct spool_table_pos pos = {0};
	struct spool_table table;
	struct spool_node *node;
	unsigned int seen[2 * N + 1] = {0}, wrong = 0;
	uint64_t inos[STEP], added = N;
	size_t n;

	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(spool_table_init(&table, &host.host), 0);
	for (uint64_t ino = 1; ino <= N; ino++)
		spool_table_add(&table, new_node(ino), 1, ino % 3 != 0);
	while ((n = spool_table_list(&table, &pos, &known, inos, STEP)) > 0) {
		for (size_t i = 0; i < n; i++)
			seen[inos[i]]++;
		if (added < 2 * N) {
			added++;
			spool_table_add(&table, new_node(added), 1, 0);
		}
	}
	for (uint64_t ino = 1; ino <= N; ino++)
		wrong += ino % 3 ? seen[ino] == 0 : seen[ino] > 0;
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(spool_table_list(&table, &pos, &known, inos, STEP), 0);
	while ((node = spool_table_pop(&table)))
		spool_node_free(&host.host, node);
	spool_table_fini(&table);
	CU_ASSERT_EQUAL(host.live, 0);
}

/* What is listed goes at once, and so leaves the bucket that the listing is in. */
static void test_list_what_goes(void)
{
	enum { N = 40, STEP = 3 };
	const struct spool_table_wanted all = {.known = false};
	struct spool_table_pos pos = {0};
	struct spool_table table;
	struct spool_node *nodes[N];
	uint64_t inos[STEP];
	unsigned int seen[N + 1] = {0}, wrong = 0;
	size_t n;

	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(spool_table_init(&table, &host.host), 0);
	for (uint64_t i = 0; i < N; i++)
		nodes[i] = new_node((i + 1) * SPOOL_TABLE_SHARDS);
	fault_host_arm(&host, 1, true); /* one bucket for all */
	for (uint64_t i = 0; i < N; i++)
		spool_table_add(&table, nodes[i], 1, 0);
	fault_host_arm(&host, 0, false);
	while ((n = spool_table_list(&table, &pos, &all, inos, STEP)) > 0) {
		for (size_t i = 0; i < n; i++) {
			struct spool_node *node = spool_table_get(&table, inos[i]);

			CU_ASSERT_TRUE(spool_table_put(&table, node, 2, 0));
			spool_node_free(&host.host, node);
			seen[inos[i] / SPOOL_TABLE_SHARDS]++;
		}
	}
	for (uint64_t i = 1; i <= N; i++)
		wrong += seen[i] != 1;
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(spool_table_count(&table), 0);
	spool_table_fini(&table);
	CU_ASSERT_EQUAL(host.live, 0);
}

/* Of one tree among many of another: all of it, in bounded steps. */
static void test_list_tree(void)
{
	enum { N = 100000, EACH = 1000, STEP = 7 };
	const uid_t tree = 7;
	const struct spool_table_wanted wanted = {.tree = &tree};
	struct spool_table_pos pos = {0};
	unsigned int wrong = 0, listed = 0, calls = 0;
	struct spool_table table;
	struct spool_node *node;
	uint64_t inos[STEP];

	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(spool_table_init(&table, &host.host), 0);
	for (uint64_t ino = 1; ino <= N; ino++) {
		node = new_node(ino);
		node->tree = ino % EACH == 0 ? tree : 8;
		spool_table_add(&table, node, 1, 0);
	}
	for (; !spool_table_at_end(&pos); calls++) {
		size_t n = spool_table_list(&table, &pos, &wanted, inos, STEP);

		for (size_t i = 0; i < n; i++)
			wrong += inos[i] % EACH != 0;
		listed += (unsigned int)n;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(listed, N / EACH);
	CU_ASSERT_TRUE(calls > N / EACH / STEP);
	CU_ASSERT_TRUE(calls < N / EACH * 2);
	while ((node = spool_table_pop(&table)))
		spool_node_free(&host.host, node);
	spool_table_fini(&table);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"references", test_references},
		{"growth", test_growth},
		{"growth_without_memory", test_growth_without_memory},
		{"list", test_list},
		{"list of what goes", test_list_what_goes},
		{"list of a tree", test_list_tree},
		{"times", test_times},
		{"cost_of_an_empty_file", test_cost_of_an_empty_file},
	};

	return unit_run("node", tests, SPOOL_ARRAY_SIZE(tests));
}
