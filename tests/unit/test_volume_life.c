/* SPDX-License-Identifier: MIT */

/* When a volume is mounted and wiped: with engines, containers and daemons of our own making. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "util/rmtree.h"
#include "volume/life.h"

#define DEVICE 58

struct rig {
	struct life life;
	struct volume_host host;
	char dir[64];
	int state;
	bool mounted, dead, busy, no_mount, no_check;
	int mounts, unmounts;
	int64_t open_files;
	bool engine_lives;
	pid_t users[4]; /* -1: none; 0: in our own namespace */
	uint64_t now;
	char why[LIFE_WHY];
};

static const struct volume_engine engine = {100, 7};

static int check(void *ctx, const char *name, const char *options, char *why, size_t size)
{
	const struct rig *rig = ctx;

	(void)name;
	if (!rig->no_check)
		return 0;
	snprintf(why, size, "spoolfs: %s: wrong", options);
	return -EINVAL;
}

static int mount_it(void *ctx, const char *name, const char *options, dev_t *ret, char *why,
		    size_t size)
{
	struct rig *rig = ctx;

	(void)name;
	(void)options;
	if (rig->no_mount) {
		snprintf(why, size, "spoolfs: no");
		return -EIO;
	}
	rig->mounts++;
	rig->mounted = true;
	rig->dead = false;
	*ret = (dev_t)(DEVICE + rig->mounts);
	return 0;
}

static int unmount_it(void *ctx, const char *name)
{
	struct rig *rig = ctx;

	(void)name;
	if (rig->busy)
		return -EBUSY;
	rig->unmounts += rig->mounted;
	rig->mounted = false;
	return 0;
}

static void discard(void *ctx, const char *name)
{
	struct rig *rig = ctx;

	(void)name;
	rig->mounted = false;
}

static void each(void *ctx, void (*fn)(void *arg, const char *name), void *arg)
{
	const struct rig *rig = ctx;

	if (rig->mounted)
		fn(arg, "v");
}

static dev_t device_of(void *ctx, const char *name)
{
	const struct rig *rig = ctx;

	return rig->mounted && strcmp(name, "v") == 0 ? (dev_t)(DEVICE + rig->mounts) : 0;
}

static int watch_daemon(void *ctx, dev_t device, int ret[VOLUME_DAEMON_FDS])
{
	const struct rig *rig = ctx;

	(void)device;
	if (rig->dead)
		return -ESRCH;
	for (int i = 0; i < VOLUME_DAEMON_FDS; i++)
		ret[i] = eventfd(0, EFD_CLOEXEC);
	return 0;
}

static int probe(void *ctx, const char *name)
{
	const struct rig *rig = ctx;

	(void)name;
	return rig->dead ? -ENOTCONN : 0;
}

static int64_t open_files(void *ctx, dev_t device)
{
	const struct rig *rig = ctx;

	(void)device;
	return rig->open_files;
}

static int find_users(void *ctx, const struct volume_engine *engines, size_t n, struct user **ret,
		      size_t *ret_n)
{
	const struct rig *rig = ctx;
	struct user *users = calloc(4, sizeof(*users));

	for (size_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(engines[i].pid, 100);
	*ret_n = 0;
	for (int i = 0; i < 4; i++) {
		if (rig->users[i] >= 0)
			users[(*ret_n)++] =
				(struct user){(dev_t)(DEVICE + rig->mounts), rig->users[i]};
	}
	*ret = users;
	return 0;
}

static int watch(void *ctx, pid_t pid)
{
	(void)ctx;
	(void)pid;
	return eventfd(0, EFD_CLOEXEC);
}

static int engine_watch(void *ctx, const struct volume_engine *one)
{
	const struct rig *rig = ctx;

	(void)one;
	return rig->engine_lives ? eventfd(0, EFD_CLOEXEC) : -ESRCH;
}

static uint64_t now_ms(void *ctx)
{
	const struct rig *rig = ctx;

	return rig->now;
}

static void set_up(struct rig *rig)
{
	*rig = (struct rig){.host = {rig, check, mount_it, unmount_it, discard, each, device_of,
				     watch_daemon, probe, open_files, find_users, watch,
				     engine_watch, now_ms},
			    .engine_lives = true,
			    .users = {-1, -1, -1, -1},
			    .now = 1000,
			    .dir = "/tmp/spoolfs-unit-XXXXXX"};
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	rig->state = open(rig->dir, O_RDONLY | O_DIRECTORY);
	CU_ASSERT_EQUAL_FATAL(life_init(&rig->life, &rig->host, rig->state), 0);
	CU_ASSERT_EQUAL(life_create(&rig->life, "v", "size=8m", rig->why), 0);
}

static void tear_down(struct rig *rig)
{
	life_fini(&rig->life);
	close(rig->state);
	spool_rmtree(rig->dir);
	rmdir(rig->dir);
}

static void mount_v(struct rig *rig, const char *id)
{
	CU_ASSERT_EQUAL(life_mount(&rig->life, "v", id, &engine, rig->why), 0);
	CU_ASSERT_TRUE(rig->mounted);
}

/* A container comes, is seen, and ends. */
static void container(struct rig *rig)
{
	rig->users[0] = 500;
	life_look(&rig->life);
	rig->users[0] = -1;
}

static void restart(struct rig *rig)
{
	life_fini(&rig->life);
	CU_ASSERT_EQUAL_FATAL(life_init(&rig->life, &rig->host, rig->state), 0);
}

static void test_wiped_after_the_last_unmount(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	mount_v(&rig, "b");
	CU_ASSERT_EQUAL(rig.mounts, 1);
	container(&rig);
	life_look(&rig.life);
	life_unmount(&rig.life, "v", "a");
	life_unmount(&rig.life, "v", "a");
	CU_ASSERT_TRUE(rig.mounted);
	life_unmount(&rig.life, "v", "b");
	CU_ASSERT_FALSE(rig.mounted);
	CU_ASSERT_PTR_NOT_NULL(life_find(&rig.life, "v"));
	tear_down(&rig);
}

static void test_kept_for_the_first_container(void)
{
	struct rig rig;

	set_up(&rig);
	for (int i = 0; i < 3; i++) {
		mount_v(&rig, "a");
		life_unmount(&rig.life, "v", "a");
		restart(&rig);
	}
	mount_v(&rig, "a");
	rig.users[0] = 0; /* docker cp */
	life_look(&rig.life);
	rig.users[0] = -1;
	life_unmount(&rig.life, "v", "a");
	CU_ASSERT_TRUE(rig.mounted);
	mount_v(&rig, "a");
	container(&rig);
	life_unmount(&rig.life, "v", "a");
	CU_ASSERT_FALSE(rig.mounted);
	tear_down(&rig);
}

static void test_in_use_though_unmounted(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	rig.users[0] = 500;
	rig.users[1] = 501;
	life_unmount(&rig.life, "v", "a");
	CU_ASSERT_TRUE(rig.mounted);
	rig.users[0] = -1;
	life_look(&rig.life);
	CU_ASSERT_TRUE(rig.mounted);
	rig.users[1] = -1;
	rig.open_files = 1;
	life_look(&rig.life);
	CU_ASSERT_TRUE(rig.mounted && rig.life.look_ms > rig.now);
	rig.open_files = -ETIMEDOUT; /* it does not say */
	rig.busy = true;
	life_look(&rig.life);
	CU_ASSERT_TRUE(rig.mounted && rig.life.look_ms > rig.now);
	rig.busy = false;
	life_look(&rig.life);
	CU_ASSERT_FALSE(rig.mounted);
	CU_ASSERT_EQUAL(rig.life.look_ms, 0);
	tear_down(&rig);
}

static void test_an_engine_that_ended_holds_nothing(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	container(&rig);
	life_look(&rig.life);
	CU_ASSERT_TRUE(rig.mounted);
	rig.engine_lives = false;
	life_look(&rig.life);
	CU_ASSERT_FALSE(rig.mounted);
	life_unmount(&rig.life, "v", "a");
	tear_down(&rig);
}

static void test_looked_at_until_a_container_is_seen(void)
{
	struct rig rig;
	uint64_t last = 0;

	set_up(&rig);
	mount_v(&rig, "a");
	for (int i = 0; i < 5; i++) {
		uint64_t wait = rig.life.look_ms - rig.now;

		CU_ASSERT_TRUE(wait > last && wait <= 10000);
		last = wait;
		rig.now += 5000;
		life_look(&rig.life);
	}
	container(&rig);
	CU_ASSERT_EQUAL(rig.life.look_ms, 0);   /* now it is told */
	CU_ASSERT_EQUAL(rig.life.n_watches, 4); /* its daemon's two, the engine, the container */
	tear_down(&rig);
}

static void test_removed_in_use(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	rig.users[0] = 500;
	life_remove(&rig.life, "v");
	CU_ASSERT_PTR_NULL(life_find(&rig.life, "v"));
	CU_ASSERT_EQUAL(life_create(&rig.life, "v", "size=8m", rig.why), -EBUSY);
	CU_ASSERT_EQUAL(life_mount(&rig.life, "v", "a", &engine, rig.why), -ENOENT);
	restart(&rig);
	CU_ASSERT_TRUE(rig.mounted);
	rig.users[0] = -1;
	life_look(&rig.life);
	CU_ASSERT_FALSE(rig.mounted);
	CU_ASSERT_EQUAL(rig.life.volumes.n, 0);
	life_remove(&rig.life, "v");
	CU_ASSERT_EQUAL(life_create(&rig.life, "v", "", rig.why), 0);
	life_remove(&rig.life, "v");
	CU_ASSERT_EQUAL(rig.life.volumes.n, 0);
	tear_down(&rig);
}

static void test_a_dead_mount_is_replaced(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	container(&rig);
	rig.dead = true; /* and nobody has told yet */
	mount_v(&rig, "b");
	CU_ASSERT_EQUAL(rig.mounts, 2);
	rig.mounted = false; /* by others */
	mount_v(&rig, "b");
	CU_ASSERT_EQUAL(rig.mounts, 3);
	rig.dead = true;
	restart(&rig);
	CU_ASSERT_FALSE(rig.mounted);
	CU_ASSERT_EQUAL(life_find(&rig.life, "v")->device, 0);
	tear_down(&rig);
}

static void test_a_mount_of_no_volume_goes(void)
{
	struct rig rig;

	set_up(&rig);
	mount_v(&rig, "a");
	rig.users[0] = 500;
	CU_ASSERT_EQUAL(unlinkat(rig.state, "v", 0), 0);
	restart(&rig);
	CU_ASSERT_PTR_NULL(life_find(&rig.life, "v"));
	CU_ASSERT_TRUE(rig.mounted);
	rig.users[0] = -1;
	life_look(&rig.life);
	CU_ASSERT_TRUE(!rig.mounted && rig.life.volumes.n == 0);
	tear_down(&rig);
}

static void test_failures_change_nothing(void)
{
	struct rig rig;

	set_up(&rig);
	rig.no_check = true;
	CU_ASSERT_EQUAL(life_create(&rig.life, "w", "x=1", rig.why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(rig.why, "spoolfs: x=1: wrong");
	CU_ASSERT_EQUAL(life_create(&rig.life, "a/b", "", rig.why), -EINVAL);
	CU_ASSERT_EQUAL(life_create(&rig.life, "v", "size=9m", rig.why), -EEXIST);
	CU_ASSERT_EQUAL(rig.life.volumes.n, 1);
	rig.no_mount = true;
	CU_ASSERT_EQUAL(life_mount(&rig.life, "v", "a", &engine, rig.why), -EIO);
	CU_ASSERT_STRING_EQUAL(rig.why, "spoolfs: no");
	CU_ASSERT_EQUAL(life_find(&rig.life, "v")->n_holds, 0);
	rig.no_mount = false;
	CU_ASSERT_EQUAL_FATAL(mkdirat(rig.state, ".new", 0700), 0); /* nothing can be saved */
	CU_ASSERT_TRUE(life_mount(&rig.life, "v", "a", &engine, rig.why) < 0);
	CU_ASSERT_FALSE(rig.mounted);
	CU_ASSERT_EQUAL(life_find(&rig.life, "v")->n_holds, 0);
	tear_down(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"wiped after the last unmount", test_wiped_after_the_last_unmount},
		{"kept for the first container", test_kept_for_the_first_container},
		{"in use though unmounted", test_in_use_though_unmounted},
		{"an engine that ended holds nothing", test_an_engine_that_ended_holds_nothing},
		{"looked at until a container is seen", test_looked_at_until_a_container_is_seen},
		{"removed in use", test_removed_in_use},
		{"a dead mount is replaced", test_a_dead_mount_is_replaced},
		{"a mount of no volume goes", test_a_mount_of_no_volume_goes},
		{"failures change nothing", test_failures_change_nothing},
	};

	return unit_run("volume life", tests, sizeof(tests) / sizeof(tests[0]));
}
