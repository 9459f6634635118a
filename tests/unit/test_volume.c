/* SPDX-License-Identifier: MIT */

/* Volumes: their names, who holds them, their options, and what is remembered of them. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "unit.h"
#include "util/rmtree.h"
#include "volume/options.h"
#include "volume/state.h"
#include "volume/volumes.h"

static void test_names(void)
{
	static const char *const right[] = {"v", "0", "a-b_c.d", "A..", "v1"};
	static const char *const wrong[] = {"",    ".",   "..",  "-v",       "_v", ".v",
					    "a/b", "a b", "a\n", "\xc3\xa4", "v:z"};
	char name[VOLUME_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		CU_ASSERT_TRUE(volume_name_is_right(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CU_ASSERT_FALSE(volume_name_is_right(wrong[i]));
	memset(name, 'x', sizeof(name) - 1);
	name[VOLUME_NAME_MAX + 1] = '\0';
	CU_ASSERT_FALSE(volume_name_is_right(name));
	name[VOLUME_NAME_MAX] = '\0';
	CU_ASSERT_TRUE(volume_name_is_right(name));
}

/* Ids are counted, and those of two engines are two. */
static void test_holds(void)
{
	static const struct volume_engine one = {100, 5}, later = {100, 6};
	struct volumes volumes = {0};
	struct volume *volume = volumes_add(&volumes, "v", "");

	CU_ASSERT_PTR_NOT_NULL_FATAL(volume);
	CU_ASSERT_PTR_EQUAL(volumes_find(&volumes, "v"), volume);
	CU_ASSERT_PTR_NULL(volumes_find(&volumes, "w"));
	CU_ASSERT_FALSE(volume_release(volume, "a"));
	CU_ASSERT_EQUAL(volume_hold(volume, "a", &one), 0);
	CU_ASSERT_EQUAL(volume_hold(volume, "a", &one), 0);
	CU_ASSERT_EQUAL(volume_hold(volume, "a", &later), 0);
	CU_ASSERT_EQUAL(volume_hold(volume, "b", &one), 0);
	CU_ASSERT_EQUAL(volume->n_holds, 3);
	CU_ASSERT_EQUAL(volume->holds[0].count, 2);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_TRUE(volume_release(volume, "a"));
	CU_ASSERT_FALSE(volume_release(volume, "a"));
	CU_ASSERT_EQUAL(volume->n_holds, 1);
	CU_ASSERT_STRING_EQUAL(volume->holds[0].id, "b");
	volumes_free(&volumes);
	CU_ASSERT_EQUAL(volumes.n, 0);
}

static void test_volumes_are_dropped(void)
{
	struct volumes volumes = {0};
	struct volume *first = volumes_add(&volumes, "a", ""), *last;

	volumes_add(&volumes, "b", "");
	last = volumes_add(&volumes, "c", "");
	volumes_drop(&volumes, first);
	CU_ASSERT_EQUAL(volumes.n, 2);
	CU_ASSERT_PTR_NULL(volumes_find(&volumes, "a"));
	CU_ASSERT_PTR_EQUAL(volumes_find(&volumes, "c"), last);
	volumes_free(&volumes);
}

static void test_options(void)
{
	static const struct {
		const char *key, *value, *why;
	} wrong[] = {
		{"", "1", ": not the name of an option"},
		{"a,b", "1", "a,b: not the name of an option"},
		{"a=b", "1", "a=b: not the name of an option"},
		{"a\n", "1", "a\\012: not the name of an option"},
		{"size", "1,ro", "size=1,ro: not one value"},
		{"size", "1\\", "size=1\\134: not one value"},
		{"layout", "private", "layout=private: not for a volume"},
		{"layout", "", "layout: not for a volume"},
		{"remount", "", "remount: not for a volume"},
	};
	char why[256], *list = NULL, *before;

	CU_ASSERT_EQUAL(volume_options_add(&list, "size", "8m", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(volume_options_add(&list, "noexec", "", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(volume_options_add(&list, "layout", "shared", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(volume_options_add(&list, "fsname", "a=b", why, sizeof(why)), 0);
	CU_ASSERT_STRING_EQUAL(list, "size=8m,noexec,layout=shared,fsname=a=b");
	before = list;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CU_ASSERT_EQUAL(
			volume_options_add(&list, wrong[i].key, wrong[i].value, why, sizeof(why)),
			-EINVAL);
		CU_ASSERT_EQUAL(strncmp(why, wrong[i].why, strlen(wrong[i].why)), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "(allowed: "));
		CU_ASSERT_PTR_EQUAL(list, before);
	}
	free(list);
}

static void test_options_have_an_end(void)
{
	char why[256], value[1001], *list = NULL;
	int r = 0;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 10 && r == 0; i++)
		r = volume_options_add(&list, "fsname", value, why, sizeof(why));
	CU_ASSERT_EQUAL(r, -EINVAL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT_TRUE(strlen(list) < VOLUME_OPTIONS_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "too many options"));
	free(list);
}

struct rig {
	char dir[64];
	int fd;
};

static void set_up(struct rig *rig)
{
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/spoolfs-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	rig->fd = open(rig->dir, O_RDONLY | O_DIRECTORY);
	CU_ASSERT_NOT_EQUAL_FATAL(rig->fd, -1);
}

static void tear_down(const struct rig *rig)
{
	close(rig->fd);
	spool_rmtree(rig->dir);
	rmdir(rig->dir);
}

static void test_state_comes_back(void)
{
	static const struct volume_engine engine = {100, UINT64_C(1) << 60};
	struct volumes volumes = {0}, found = {0};
	struct volume *volume = volumes_add(&volumes, "v", "size=8m,fsname=\"\xc3\xa4\"");
	struct rig rig;

	set_up(&rig);
	volume->created = 1234567890;
	volume->device = makedev(0, 58);
	volume->used = true;
	volume_hold(volume, "a", &engine);
	volume_hold(volume, "a", &engine);
	CU_ASSERT_EQUAL(state_save(rig.fd, volume), 0);
	volumes_add(&volumes, "w", "")->removed = true;
	CU_ASSERT_EQUAL(state_save(rig.fd, volumes.all[1]), 0);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
	CU_ASSERT_EQUAL_FATAL(found.n, 2);
	volume = volumes_find(&found, "w");
	CU_ASSERT_TRUE(volume && volume->removed && !volume->used && volume->n_holds == 0);
	volume = volumes_find(&found, "v");
	CU_ASSERT_PTR_NOT_NULL_FATAL(volume);
	CU_ASSERT_STRING_EQUAL(volume->options, "size=8m,fsname=\"\xc3\xa4\"");
	CU_ASSERT_EQUAL(volume->created, 1234567890);
	CU_ASSERT_EQUAL(volume->device, makedev(0, 58));
	CU_ASSERT_TRUE(volume->used && !volume->removed);
	CU_ASSERT_EQUAL_FATAL(volume->n_holds, 1);
	CU_ASSERT_STRING_EQUAL(volume->holds[0].id, "a");
	CU_ASSERT_EQUAL(volume->holds[0].count, 2);
	CU_ASSERT_EQUAL(volume->holds[0].engine.pid, 100);
	CU_ASSERT_EQUAL(volume->holds[0].engine.start, UINT64_C(1) << 60);
	CU_ASSERT_EQUAL(state_remove(rig.fd, volume), 0);
	CU_ASSERT_EQUAL(state_remove(rig.fd, volume), 0);
	volumes_free(&found);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
	CU_ASSERT_EQUAL(found.n, 1);
	volumes_free(&found);
	volumes_free(&volumes);
	tear_down(&rig);
}

static void put(const struct rig *rig, const char *name, const char *text, size_t size)
{
	int fd = openat(rig->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, size), (ssize_t)size);
	close(fd);
}

/* However it was cut or changed: all volumes but that one are there, and nothing else is. */
static void test_state_that_is_no_good(void)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"[]",
		"null",
		"\"v\"",
		"{\"version\": 1}",
		"{\"version\": 2, \"options\": \"\", \"created\": 1, \"major\": 0, \"minor\": 0, "
		"\"used\": false, \"removed\": false, \"holds\": []}",
		"{\"version\": 1, \"options\": \"\", \"created\": -1, \"major\": 0, \"minor\": 0, "
		"\"used\": false, \"removed\": false, \"holds\": []}",
		"{\"version\": 1, \"options\": \"\", \"created\": 1, \"major\": 0, \"minor\": 0, "
		"\"used\": 0, \"removed\": false, \"holds\": []}",
		"{\"version\": 1, \"options\": \"\", \"created\": 1, \"major\": 0, \"minor\": 0, "
		"\"used\": false, \"removed\": false, \"holds\": [{\"id\": \"a\", \"count\": 0, "
		"\"pid\": 1, \"start\": 1}]}",
		"{\"version\": 1, \"options\": \"a\\u0000b\", \"created\": 1, \"major\": 0, "
		"\"minor\": 0, \"used\": false, \"removed\": false, \"holds\": []}",
	};
	struct volumes volumes = {0}, found = {0};
	struct volume *volume = volumes_add(&volumes, "good", "size=8m");
	char text[512];
	struct rig rig;
	ssize_t n;
	int fd;

	set_up(&rig);
	CU_ASSERT_EQUAL(state_save(rig.fd, volume), 0);
	fd = openat(rig.fd, "good", O_RDONLY);
	n = read(fd, text, sizeof(text));
	CU_ASSERT_TRUE_FATAL(n > 100);
	close(fd);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) + (size_t)n - 2; i++) {
		size_t cut = i - sizeof(wrong) / sizeof(wrong[0]);

		if (i < sizeof(wrong) / sizeof(wrong[0]))
			put(&rig, "bad", wrong[i], strlen(wrong[i]));
		else
			put(&rig, "bad", text, cut);
		CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
		CU_ASSERT_EQUAL(found.n, 1);
		CU_ASSERT_PTR_NULL(volumes_find(&found, "bad"));
		CU_ASSERT_EQUAL(faccessat(rig.fd, "bad", F_OK, 0), -1);
		volumes_free(&found);
	}
	put(&rig, "-no-name", text, (size_t)n);
	put(&rig, ".new", text, 5); /* of a write that was cut short */
	CU_ASSERT_EQUAL(symlinkat("/etc/passwd", rig.fd, "link"), 0);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
	CU_ASSERT_EQUAL(found.n, 1);
	volumes_free(&found);
	volumes_free(&volumes);
	tear_down(&rig);
}

/* What could not be read back is not written: the volume would be forgotten. */
static void test_state_has_an_end(void)
{
	static const struct volume_engine engine = {100, 1};
	struct volumes volumes = {0}, found = {0};
	struct volume *volume = volumes_add(&volumes, "v", "");
	char id[1025];
	size_t saved;
	struct rig rig;
	int r = 0;

	set_up(&rig);
	for (int i = 0; i < 500 && r == 0; i++) {
		snprintf(id, sizeof(id), "%01024d", i);
		CU_ASSERT_EQUAL_FATAL(volume_hold(volume, id, &engine), 0);
		r = state_save(rig.fd, volume);
	}
	saved = volume->n_holds - 1;
	CU_ASSERT_EQUAL(r, -EFBIG);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT_EQUAL(found.all[0]->n_holds, saved);
	volumes_free(&found);
	volumes_free(&volumes);
	tear_down(&rig);
}

/* What cannot be read now is not forgotten. */
static void test_state_that_cannot_be_read(void)
{
	struct volumes volumes = {0}, found = {0};
	const struct volume *volume = volumes_add(&volumes, "v", "");
	struct rlimit before, few;
	struct rig rig;
	int next;

	set_up(&rig);
	CU_ASSERT_EQUAL(state_save(rig.fd, volume), 0);
	next = dup(rig.fd);
	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = (rlim_t)next + 1; /* for the directory */
	setrlimit(RLIMIT_NOFILE, &few);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	volumes_free(&found);
	CU_ASSERT_EQUAL(state_load(rig.fd, &found), 0);
	CU_ASSERT_EQUAL(found.n, 1);
	volumes_free(&found);
	volumes_free(&volumes);
	tear_down(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"names", test_names},
		{"holds", test_holds},
		{"volumes are dropped", test_volumes_are_dropped},
		{"options", test_options},
		{"options have an end", test_options_have_an_end},
		{"state comes back", test_state_comes_back},
		{"state that is no good", test_state_that_is_no_good},
		{"state has an end", test_state_has_an_end},
		{"state that cannot be read", test_state_that_cannot_be_read},
	};

	return unit_run("volume", tests, sizeof(tests) / sizeof(tests[0]));
}
