/* SPDX-License-Identifier: MIT */

/* Names that the kernel is to be told are gone: in order, and nobody's instead of another's. */

#include <stdio.h>
#include <string.h>

#include "host/loop.h"
#include "unit.h"
#include "wait/removals.h"

#define SLOW_USER 1000u
#define USER 1001u
#define LONG_MS 60000u
#define SHORT_MS 20u
#define PARENT 1000000u

/* The kernel, and the threads that would tell it: each post is kept until a test runs it. */
struct kernel {
	struct spool_removals *removals;
	uint64_t last; /* child of the last name told */
	unsigned int n_told, n_wrong;
	uid_t posted[16];
	unsigned int n_posted;
	bool refuses;  /* to post */
	uid_t refused; /* him alone */
};

static void tell(void *ctx, const struct spool_removal *removal)
{
	struct kernel *kernel = ctx;
	char name[32];
	int len = snprintf(name, sizeof(name), "name%u", (unsigned int)removal->child);

	kernel->n_wrong += removal->child != kernel->last + 1 || removal->parent != PARENT ||
			   removal->len != (size_t)len || strcmp(removal->name, name) != 0;
	kernel->last = removal->child;
	kernel->n_told++;
}

static bool post(void *ctx, uid_t payer)
{
	struct kernel *kernel = ctx;

	if (kernel->refuses || kernel->refused == payer)
		return false;
	kernel->posted[kernel->n_posted++] = payer;
	return true;
}

static void begin(struct kernel *kernel, unsigned int max, unsigned int wait_ms)
{
	const struct spool_removals_config config = {
		.tell = tell, .post = post, .ctx = kernel, .max = max, .wait_ms = wait_ms};

	*kernel = (struct kernel){0};
	CU_ASSERT_EQUAL_FATAL(spool_removals_new(&config, &kernel->removals), 0);
}

static uint64_t waiting(const struct kernel *kernel)
{
	struct spool_removals_stat stat;

	spool_removals_stat(kernel->removals, &stat);
	return stat.waiting;
}

/* Names of @uid with the numbers from @first on. Return: how many were taken. */
static unsigned int add(struct kernel *kernel, uid_t uid, unsigned int first, unsigned int n)
{
	unsigned int taken = 0;
	char name[32];

	for (unsigned int i = first; i < first + n; i++) {
		struct spool_removal removal = {.parent = PARENT, .child = i, .name = name};

		removal.len = (size_t)snprintf(name, sizeof(name), "name%u", i);
		taken += spool_removals_add(kernel->removals, uid, &removal);
	}
	return taken;
}

/* Lets the threads do what was posted, and what they post. */
static void run(struct kernel *kernel)
{
	while (kernel->n_posted > 0)
		spool_removals_tell(kernel->removals, kernel->posted[--kernel->n_posted]);
}

static void told_in_order(void)
{
	struct spool_removals_stat stat;
	struct kernel kernel;

	begin(&kernel, 0, LONG_MS);
	CU_ASSERT_EQUAL(add(&kernel, USER, 1, 1000), 1000);
	CU_ASSERT_EQUAL(kernel.n_posted, 0);
	CU_ASSERT_TRUE(spool_removals_post(kernel.removals));
	CU_ASSERT_EQUAL(kernel.n_posted, 1);
	spool_removals_stat(kernel.removals, &stat);
	CU_ASSERT_EQUAL(stat.waiting, 1000);
	spool_removals_tell(kernel.removals, kernel.posted[--kernel.n_posted]);
	CU_ASSERT_TRUE(kernel.n_told > 0 && kernel.n_told < 1000); /* then it is another's turn */
	CU_ASSERT_EQUAL(kernel.n_posted, 1);
	run(&kernel);
	spool_removals_stat(kernel.removals, &stat);
	CU_ASSERT_EQUAL(stat.waiting, 0);
	CU_ASSERT_EQUAL(stat.told, 1000);
	CU_ASSERT_EQUAL(kernel.n_wrong, 0);
	spool_removals_free(kernel.removals);
}

/* Whom the kernel does not serve loses names of his own only, and gets room again. */
static void bounded_for_each(void)
{
	struct spool_removals_stat stat;
	struct kernel kernel;

	begin(&kernel, 10, SHORT_MS);
	CU_ASSERT_EQUAL(add(&kernel, SLOW_USER, 1, 12), 10);
	CU_ASSERT_EQUAL(add(&kernel, USER, 11, 10), 10);
	spool_removals_stat(kernel.removals, &stat);
	CU_ASSERT_EQUAL(stat.left_out, 2);
	spool_removals_tell(kernel.removals, SLOW_USER);
	CU_ASSERT_EQUAL(add(&kernel, SLOW_USER, 21, 1), 1);
	spool_removals_tell(kernel.removals, USER);
	spool_removals_tell(kernel.removals, SLOW_USER);
	CU_ASSERT_EQUAL(kernel.n_told, 21);
	CU_ASSERT_EQUAL(kernel.n_wrong, 0);
	spool_removals_free(kernel.removals);
}

/* Many for whom the kernel is held up have four times the names of one together, and whoever comes
 * then has some all the same. */
static void bounded_for_all(void)
{
	struct kernel kernel;

	begin(&kernel, 128, SHORT_MS);
	for (uid_t uid = SLOW_USER; uid < SLOW_USER + 4; uid++)
		CU_ASSERT_EQUAL(add(&kernel, uid, 1, 129), 128);
	CU_ASSERT_EQUAL(add(&kernel, SLOW_USER + 4, 1, 128), 2);
	CU_ASSERT_EQUAL(waiting(&kernel), 514);
	spool_removals_tell(kernel.removals, SLOW_USER);
	CU_ASSERT_EQUAL(waiting(&kernel), 386);
	CU_ASSERT_EQUAL(add(&kernel, SLOW_USER + 5, 1, 128), 126);
	spool_removals_free(kernel.removals);
}

/* As a kernel that is held up until now: takes one name, and so gives room for another one. */
static void tell_one_add_two(void *ctx, const struct spool_removal *removal)
{
	struct kernel *kernel = ctx;

	(void)removal;
	kernel->n_told++;
	add(kernel, SLOW_USER, 1000, 2);
}

/* Or others would wait each time for who lets the kernel take a name from time to time. */
static void one_name_is_no_progress(void)
{
	struct kernel kernel = {0};
	const struct spool_removals_config config = {.tell = tell_one_add_two,
						     .post = post,
						     .ctx = &kernel,
						     .max = 160,
						     .wait_ms = SHORT_MS};
	struct spool_removals_stat stat;

	CU_ASSERT_EQUAL_FATAL(spool_removals_new(&config, &kernel.removals), 0);
	CU_ASSERT_EQUAL(add(&kernel, SLOW_USER, 1, 160), 160);
	spool_removals_tell(kernel.removals, SLOW_USER);
	CU_ASSERT(kernel.n_told > 200);
	spool_removals_stat(kernel.removals, &stat);
	CU_ASSERT(stat.stalls > 0 && stat.stalls <= kernel.n_told / 10 + 1);
	spool_removals_free(kernel.removals);
}

static void *add_main(void *arg)
{
	struct kernel *kernel = arg;

	CU_ASSERT_EQUAL(add(kernel, USER, 11, 1), 1);
	return NULL;
}

/* As long as the kernel comes on nothing is left out. */
static void waits_for_room(void)
{
	struct spool_removals_stat stat;
	struct spool_loop loop;
	struct kernel kernel;

	begin(&kernel, 10, LONG_MS);
	CU_ASSERT_EQUAL(add(&kernel, USER, 1, 10), 10);
	spool_loop_init(&loop);
	CU_ASSERT_EQUAL_FATAL(spool_loop_start(&loop, "add", add_main, &kernel), 0);
	spool_removals_tell(kernel.removals, USER);
	spool_loop_stop(&loop);
	spool_loop_fini(&loop);
	spool_removals_tell(kernel.removals, USER);
	spool_removals_stat(kernel.removals, &stat);
	CU_ASSERT_EQUAL(stat.left_out, 0);
	CU_ASSERT_EQUAL(stat.told, 11);
	CU_ASSERT_EQUAL(kernel.n_wrong, 0);
	spool_removals_free(kernel.removals);
}

/* What nobody could be posted for is posted later. */
static void refused_posts_are_not_lost(void)
{
	struct kernel kernel;

	begin(&kernel, 0, LONG_MS);
	kernel.refuses = true;
	add(&kernel, USER, 1, 300);
	CU_ASSERT_FALSE(spool_removals_post(kernel.removals));
	kernel.refuses = false;
	CU_ASSERT_TRUE(spool_removals_post(kernel.removals));
	CU_ASSERT_EQUAL(kernel.n_posted, 1);
	kernel.refuses = true;
	spool_removals_tell(kernel.removals, kernel.posted[--kernel.n_posted]);
	CU_ASSERT_EQUAL(kernel.n_posted, 0);
	kernel.refuses = false;
	CU_ASSERT_TRUE(spool_removals_post(kernel.removals));
	run(&kernel);
	CU_ASSERT_EQUAL(kernel.n_told, 300);
	spool_removals_free(kernel.removals);
}

/* One whose turn does not come keeps nobody from his. */
static void refused_posts_are_the_payers_own(void)
{
	struct kernel kernel;

	begin(&kernel, 0, LONG_MS);
	kernel.refused = SLOW_USER;
	add(&kernel, SLOW_USER, 1, 1);
	add(&kernel, USER, 2, 1);
	CU_ASSERT_FALSE(spool_removals_post(kernel.removals));
	CU_ASSERT_EQUAL(kernel.n_posted, 1);
	CU_ASSERT_EQUAL(kernel.posted[0], USER);
	kernel.refused = 0;
	CU_ASSERT_TRUE(spool_removals_post(kernel.removals));
	CU_ASSERT_EQUAL(kernel.n_posted, 2);
	run(&kernel);
	CU_ASSERT_EQUAL(kernel.n_told, 2);
	spool_removals_free(kernel.removals);
}

static void note_child(void *ctx, const struct spool_removal *removal)
{
	struct kernel *kernel = ctx;

	kernel->last = kernel->last * 10 + removal->child;
	kernel->n_told++;
}

/* The kernel refuses a directory in which it knows something, whoever pays for that. */
static void directories_go_last(void)
{
	const struct spool_removals_config config = {
		.tell = note_child, .post = post, .ctx = &(struct kernel){0}};
	static const struct {
		uid_t uid;
		struct spool_removal removal;
	} names[] = {
		{SLOW_USER, {.parent = 3, .child = 4, .name = "a", .len = 1}},
		{SLOW_USER, {.parent = 3, .child = 5, .name = "b", .len = 1}},
		{USER, {.parent = 2, .child = 3, .name = "dir", .len = 3}},
		{USER, {.parent = 1, .child = 6, .name = "other", .len = 5}},
		{USER + 1, {.parent = 1, .child = 2, .name = "above", .len = 5}},
	};
	struct kernel *kernel = config.ctx;

	CU_ASSERT_EQUAL_FATAL(spool_removals_new(&config, &kernel->removals), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		spool_removals_add(kernel->removals, names[i].uid, &names[i].removal);
	spool_removals_tell(kernel->removals, USER + 1);
	spool_removals_tell(kernel->removals, USER);
	CU_ASSERT_EQUAL(kernel->last, 6);
	kernel->n_posted = 0;
	spool_removals_tell(kernel->removals, SLOW_USER);
	CU_ASSERT_EQUAL(kernel->last, 645);
	CU_ASSERT_EQUAL(kernel->n_posted, 1); /* for the directory, and not before */
	run(kernel);
	CU_ASSERT_EQUAL(kernel->last, 64532);
	CU_ASSERT_EQUAL(waiting(kernel), 0);
	spool_removals_add(kernel->removals, SLOW_USER, &names[0].removal);
	spool_removals_add(kernel->removals, USER, &names[2].removal);
	spool_removals_tell(kernel->removals, USER);
	spool_removals_free(kernel->removals); /* with one that waits */
}

/* Of what was wiped while it was open the kernel drops the pages. */
static void pages_have_no_name(void)
{
	struct kernel kernel = {0};
	const struct spool_removals_config config = {
		.tell = note_child, .post = post, .ctx = &kernel};
	const struct spool_removal removal = {.child = 7, .name = "", .len = 0};

	CU_ASSERT_EQUAL_FATAL(spool_removals_new(&config, &kernel.removals), 0);
	CU_ASSERT_TRUE(spool_removals_add(kernel.removals, USER, &removal));
	spool_removals_tell(kernel.removals, USER);
	CU_ASSERT_EQUAL(kernel.last, 7);
	CU_ASSERT_EQUAL(waiting(&kernel), 0);
	spool_removals_free(kernel.removals);
}

static void the_end(void)
{
	struct kernel kernel;

	begin(&kernel, 10, LONG_MS);
	spool_removals_stop(kernel.removals);
	CU_ASSERT_EQUAL(add(&kernel, USER, 1, 11), 10); /* and does not wait */
	spool_removals_free(kernel.removals);
	spool_removals_stop(NULL);
	spool_removals_free(NULL);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"told in order", told_in_order},
		{"bounded for each", bounded_for_each},
		{"bounded for all", bounded_for_all},
		{"one name is no progress", one_name_is_no_progress},
		{"waits for room", waits_for_room},
		{"refused posts are not lost", refused_posts_are_not_lost},
		{"refused posts are the payer's own", refused_posts_are_the_payers_own},
		{"directories go last", directories_go_last},
		{"pages have no name", pages_have_no_name},
		{"the end", the_end},
	};

	return unit_run("removals", tests, sizeof(tests) / sizeof(tests[0]));
}
