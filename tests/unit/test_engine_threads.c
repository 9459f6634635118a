/* SPDX-License-Identifier: MIT */

/*
 * Many threads at once: one name that all want, operations of every kind on a few names, renames
 * that try to tie a knot, listings while others come and go. Afterwards every reference, link
 * and charge is counted. Run under ThreadSanitizer as well; the lock order is checked in every
 * build but release.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "store/object.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define THREADS_MAX 64

static struct engine_rig rig;
static struct spool_engine *engine;

/* One thread's own */
struct worker {
	pthread_t thread;
	unsigned int id;
	uint64_t state; /* of rig_random() */
	struct spool_cred cred;
	uint64_t count; /* what the test counts */
};

static struct worker workers[THREADS_MAX];
static pthread_barrier_t barrier;
static atomic_bool stop;
static uint64_t dirs[4]; /* for all to use; dirs[0] is the root */

static void run(unsigned int n, void *(*fn)(void *), uint64_t seed)
{
	CU_ASSERT_EQUAL(pthread_barrier_init(&barrier, NULL, n), 0);
	for (unsigned int i = 0; i < n; i++) {
		workers[i] = (struct worker){.id = i,
					     .state = seed * 1000 + i,
					     .cred = {.uid = 1000 + i % 3, .gid = 1000}};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL, fn, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	engine = rig.engine;
	stop = false;
}

#define RACES 100

/* O_EXCL: however many want a name, one gets it. */
static void *race(void *arg)
{
	struct worker *worker = arg;
	struct spool_attr attr;
	char name[16];

	for (unsigned int i = 0; i < RACES; i++) {
		int r;

		snprintf(name, sizeof(name), "%u", i);
		pthread_barrier_wait(&barrier);
		r = spool_engine_create(engine, &worker->cred, ROOT, name, 0600, &attr);
		worker->count += r == 0;
		if (r == 0) {
			spool_engine_release(engine, attr.ino);
			spool_engine_forget(engine, attr.ino, 1);
		} else if (r != -EEXIST) {
			worker->count += 1000000;
		}
	}
	return NULL;
}

static void test_one_wins(void)
{
	uint64_t won = 0;

	start();
	run(THREADS_MAX, race, 1);
	for (unsigned int i = 0; i < THREADS_MAX; i++)
		won += workers[i].count;
	CU_ASSERT_EQUAL(won, RACES);
	engine_rig_fini(&rig);
}

/* One operation of any kind; whatever it gives is given back. */

static const char *any_name(struct worker *worker)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "long name", "g"};

	return names[rig_random(&worker->state, SPOOL_ARRAY_SIZE(names))];
}

static uint64_t any_dir(struct worker *worker)
{
	return dirs[rig_random(&worker->state, SPOOL_ARRAY_SIZE(dirs))];
}

static bool take(void *arg, const char *name, size_t len, const struct spool_attr *entry,
		 uint64_t cookie)
{
	uint64_t *inos = arg;

	(void)len;
	(void)cookie;
	if (name[0] == '.')
		return true;
	if (inos[0] == 7)
		return false;
	inos[++inos[0]] = entry->ino;
	return true;
}

static void make_something(struct worker *worker)
{
	struct spool_attr attr;
	uint64_t parent = any_dir(worker);
	const char *name = any_name(worker);
	uint64_t what = rig_random(&worker->state, 5);
	int r;

	switch (what) {
	case 0:
		r = spool_engine_mkdir(engine, &worker->cred, parent, name, 0777, &attr);
		break;
	case 1:
		r = spool_engine_symlink(engine, &worker->cred, parent, name, "target", &attr);
		break;
	case 2:
		r = spool_engine_tmpfile(engine, &worker->cred, parent, 0600, &attr);
		if (r == 0 &&
		    spool_engine_link(engine, &worker->cred, attr.ino, parent, name, &attr) == 0)
			spool_engine_forget(engine, attr.ino, 1);
		break;
	default:
		r = spool_engine_create(engine, &worker->cred, parent, name, 0666, &attr);
	}
	if (r < 0)
		return;
	if (what >= 2)
		spool_engine_release(engine, attr.ino);
	spool_engine_forget(engine, attr.ino, 1);
}

static void move_or_remove(struct worker *worker)
{
	static const unsigned int flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	uint64_t parent = any_dir(worker);
	const char *name = any_name(worker);

	switch (rig_random(&worker->state, 4)) {
	case 0:
		spool_engine_unlink(engine, &worker->cred, parent, name);
		break;
	case 1:
		spool_engine_rmdir(engine, &worker->cred, parent, name);
		break;
	default:
		spool_engine_rename(engine, &worker->cred, parent, name, any_dir(worker),
				    any_name(worker), flags[rig_random(&worker->state, 4)]);
	}
}

static void set_attributes(struct worker *worker, uint64_t ino)
{
	const struct spool_attr set = {.uid = 1000 + (uid_t)rig_random(&worker->state, 3),
				       .mode = (mode_t)rig_random(&worker->state, 07777),
				       .size = rig_random(&worker->state, 200000)};
	static const unsigned int what[] = {SPOOL_SET_UID, SPOOL_SET_MODE, SPOOL_SET_SIZE,
					    SPOOL_SET_ATIME_NOW};
	struct spool_attr attr;
	char value[64];

	spool_engine_setattr(engine, &worker->cred, ino, what[rig_random(&worker->state, 4)], &set,
			     &attr);
	spool_engine_setxattr(engine, &worker->cred, ino, "user.a", value, 0, 0);
	spool_engine_getxattr(engine, ino, "user.a", value, sizeof(value));
	spool_engine_listxattr(engine, ino, value, sizeof(value), NULL);
	if (rig_random(&worker->state, 2))
		spool_engine_removexattr(engine, &worker->cred, ino, "user.a");
}

static void use_data(struct worker *worker, uint64_t ino, uint64_t other)
{
	char buf[5000];
	uint64_t off = rig_random(&worker->state, 200000);

	memset(buf, (int)worker->id, sizeof(buf));
	if (spool_engine_open(engine, ino, rig_random(&worker->state, 10) == 0) < 0)
		return;
	spool_engine_write(engine, ino, buf, rig_random(&worker->state, sizeof(buf)), off, 0);
	spool_engine_read(engine, ino, buf, sizeof(buf), off, 0);
	spool_engine_fallocate(engine, ino, 0, off, 10000, 0);
	spool_engine_seek(engine, ino, 0, SEEK_DATA);
	spool_engine_copy_range(engine, ino, 0, other, 0, 70000, 0);
	spool_engine_release(engine, ino);
}

static void use_something(struct worker *worker)
{
	struct spool_attr a, b;
	char target[SPOOL_SYMLINK_MAX + 1];
	struct spool_statfs statfs;

	if (spool_engine_lookup(engine, &worker->cred, any_dir(worker), any_name(worker), &a) < 0)
		return;
	if (spool_engine_lookup(engine, &worker->cred, any_dir(worker), any_name(worker), &b) < 0)
		b.ino = 0;
	switch (rig_random(&worker->state, 4)) {
	case 0:
		set_attributes(worker, a.ino);
		break;
	case 1:
		use_data(worker, a.ino, b.ino);
		break;
	case 2:
		spool_engine_readlink(engine, &worker->cred, a.ino, target);
		spool_engine_statfs(engine, &worker->cred, &statfs);
		break;
	default:
		if (spool_engine_link(engine, &worker->cred, a.ino, any_dir(worker),
				      any_name(worker), &a) == 0)
			spool_engine_forget(engine, a.ino, 1);
	}
	spool_engine_forget(engine, a.ino, 1);
	if (b.ino)
		spool_engine_forget(engine, b.ino, 1);
}

static void *do_anything(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int i = 0; i < 15000; i++) {
		uint64_t inos[8] = {0};

		switch (rig_random(&worker->state, 4)) {
		case 0:
			make_something(worker);
			break;
		case 1:
			move_or_remove(worker);
			break;
		case 2:
			spool_engine_readdir(engine, &worker->cred, any_dir(worker),
					     rig_random(&worker->state, 20), NULL, true, take,
					     inos);
			while (inos[0] > 0)
				spool_engine_forget(engine, inos[inos[0]--], 1);
			break;
		default:
			use_something(worker);
		}
	}
	return NULL;
}

static void test_everything(void)
{
	uint64_t seed = rig_seed();

	start();
	dirs[0] = ROOT;
	dirs[1] = rig_mkdir(&rig, ROOT, "one");
	dirs[2] = rig_mkdir(&rig, dirs[1], "two");
	dirs[3] = rig_mkdir(&rig, ROOT, "d"); /* may be moved and removed */
	rig_limits(&rig, 1000, 300000, 200000, 40, 30);
	run(8, do_anything, seed);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	engine_rig_fini(&rig);
}

/* Directories under each other, moved into each other by all: never a loop, never one lost, and
 * never all waiting for each other, as they did when a rename within one directory held the locks
 * of two subdirectories. */
#define KNOTS 6

static uint64_t knots[KNOTS];

static void *tie(void *arg)
{
	struct worker *worker = arg;
	char from[2] = "0", to[2] = "0";

	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t a = rig_random(&worker->state, KNOTS + 1);
		uint64_t b = rig_random(&worker->state, KNOTS + 1);
		unsigned int flags =
			rig_random(&worker->state, 3) ? RENAME_NOREPLACE : RENAME_EXCHANGE;

		from[0] = (char)('0' + rig_random(&worker->state, KNOTS));
		to[0] = flags == RENAME_EXCHANGE ? (char)('0' + rig_random(&worker->state, KNOTS))
						 : from[0];
		worker->count +=
			spool_engine_rename(engine, &worker->cred, a < KNOTS ? knots[a] : ROOT,
					    from, b < KNOTS ? knots[b] : ROOT, to, flags) == 0;
	}
	return NULL;
}

static void test_no_loops(void)
{
	uint64_t moves = 0, seed = rig_seed();

	start();
	for (unsigned int i = 0; i < KNOTS; i++)
		knots[i] = rig_mkdir(&rig, ROOT, (char[]){(char)('0' + i), 0});
	run(8, tie, seed);
	for (unsigned int i = 0; i < 8; i++)
		moves += workers[i].count;
	CU_ASSERT_TRUE(moves > 100);
	for (unsigned int i = 0; i < KNOTS; i++) {
		struct spool_node *node = spool_table_get(&engine->table, knots[i]);
		unsigned int steps = 0;

		for (struct spool_node *at = node; at != engine->root && steps <= KNOTS; steps++)
			at = at->dir->parent;
		CU_ASSERT_TRUE(steps <= KNOTS);
		engine_put(engine, node);
	}
	engine_rig_fini(&rig);
}

/* A reader sees each of the names that stay exactly once while others come, go and change. */

#define STAY 200u

struct listing {
	unsigned int n;
	uint64_t last;
	unsigned char seen[STAY];
};

static bool note(void *arg, const char *name, size_t len, const struct spool_attr *entry,
		 uint64_t cookie)
{
	struct listing *list = arg;

	(void)len;
	(void)entry;
	if (list->n == 10)
		return false;
	list->n++;
	list->last = cookie;
	if (name[0] == 's')
		list->seen[strtoul(name + 1, NULL, 10)]++;
	return true;
}

static void *churn_or_read(void *arg)
{
	struct worker *worker = arg;
	struct listing list;

	while (worker->id != 0 && !stop) {
		make_something(worker);
		move_or_remove(worker);
	}
	for (unsigned int round = 0; worker->id == 0 && round < 200; round++) {
		unsigned int steps = 0;

		memset(&list, 0, sizeof(list));
		do {
			list.n = 0;
			spool_engine_readdir(engine, &worker->cred, ROOT, list.last, NULL, false,
					     note, &list);
		} while (list.n > 0 && steps++ < 100000);
		for (unsigned int i = 0; i < STAY; i++)
			worker->count += list.seen[i] != 1;
	}
	if (worker->id == 0)
		stop = true;
	return NULL;
}

static void test_listing(void)
{
	char name[16];

	start();
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(dirs); i++)
		dirs[i] = ROOT;
	for (unsigned int i = 0; i < STAY; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		rig_file(&rig, ROOT, name);
	}
	run(4, churn_or_read, rig_seed());
	CU_ASSERT_EQUAL(workers[0].count, 0);
	engine_rig_fini(&rig);
}

/* The first look-up of a uid by many: one directory, one charge. */
static void *first_lookup(void *arg)
{
	struct worker *worker = arg;
	struct spool_attr attr = {0};
	char name[16];

	worker->cred.uid = worker->id % 2 ? 0 : 2000;
	for (unsigned int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%u", worker->cred.uid ? 2000 : 3000 + i);
		pthread_barrier_wait(&barrier);
		worker->count += spool_engine_lookup(engine, &worker->cred, ROOT, name, &attr) != 0;
		spool_engine_forget(engine, attr.ino, 1);
	}
	return NULL;
}

static void test_first_lookup(void)
{
	struct spool_engine_stat stat;
	uint64_t failed = 0;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	engine = rig.engine;
	run(16, first_lookup, 1);
	for (unsigned int i = 0; i < 16; i++)
		failed += workers[i].count;
	CU_ASSERT_EQUAL(failed, 0);
	spool_engine_stat(engine, &stat);
	CU_ASSERT_EQUAL(stat.inodes, 2 + 1 + 50);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"one_wins", test_one_wins},         {"everything", test_everything},
		{"no_loops", test_no_loops},         {"listing", test_listing},
		{"first_lookup", test_first_lookup},
	};

	return unit_run("engine_threads", tests, SPOOL_ARRAY_SIZE(tests));
}
