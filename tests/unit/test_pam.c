/* SPDX-License-Identifier: MIT */

/* pam_spoolfs.so: its arguments, and what a mount table tells it. */

#include <string.h>
#include <sys/sysmacros.h>

#include "pam/mounted.h"
#include "pam/settings.h"
#include "unit.h"
#include "util/macros.h"

#define READ(settings, error, ...)                                       \
	settings_read(SPOOL_ARRAY_SIZE(((const char *[]){__VA_ARGS__})), \
		      (const char *[]){__VA_ARGS__}, &(settings), (error))

static void test_defaults(void)
{
	struct settings settings;
	char error[SETTINGS_ERROR];

	CU_ASSERT_TRUE(settings_read(0, NULL, &settings, error));
	CU_ASSERT_STRING_EQUAL(settings.mount, "/run/spoolfs");
	CU_ASSERT_EQUAL(settings.n_cover, 0);
	CU_ASSERT_FALSE(settings.is_optional);
	CU_ASSERT_FALSE(settings.is_debug);
}

static void test_all(void)
{
	struct settings settings;
	char error[SETTINGS_ERROR];

	CU_ASSERT_TRUE(
		READ(settings, error, "optional", "debug", "mount=/a b/.c", "cover=/tmp,/var/tmp"));
	CU_ASSERT_STRING_EQUAL(settings.mount, "/a b/.c");
	CU_ASSERT_EQUAL(settings.n_cover, 2);
	CU_ASSERT_STRING_EQUAL(settings.cover[0], "/tmp");
	CU_ASSERT_STRING_EQUAL(settings.cover[1], "/var/tmp");
	CU_ASSERT_TRUE(settings.is_optional);
	CU_ASSERT_TRUE(settings.is_debug);
	CU_ASSERT_TRUE(READ(settings, error, "optional", "required"));
	CU_ASSERT_FALSE(settings.is_optional); /* the last word */
}

static void test_wrong(void)
{
	static const char *const wrong[] = {"",
					    "Debug",
					    "optional=1",
					    "mount",
					    "mount=",
					    "mount=/",
					    "mount=run",
					    "mount=/a/",
					    "mount=//a",
					    "mount=/a//b",
					    "mount=/a/..",
					    "mount=/./a",
					    "mount=a\n\x1b[2J",
					    "cover=",
					    "cover=,",
					    "cover=tmp",
					    "cover=/tmp,tmp",
					    "cover=/",
					    "cover=/tmp,/tmp",
					    "cover=/tmp,/tmp/a",
					    "cover=/run",
					    "cover=/run/spoolfs/1000",
					    "cover=/run/spoolfs",
					    "cover=/1,/2,/3,/4,/5,/6,/7,/8,/9"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		struct settings settings;
		char error[SETTINGS_ERROR] = "";

		CU_ASSERT_FALSE(READ(settings, error, wrong[i]));
		CU_ASSERT_PTR_NOT_NULL(strstr(error, "allowed"));
		CU_ASSERT_PTR_NULL(strpbrk(error, "\n\x1b"));
	}
}

static void test_longest(void)
{
	char path[SETTINGS_PATH + 16], error[SETTINGS_ERROR];
	struct settings settings;

	memset(path, 'a', sizeof(path));
	memcpy(path, "mount=/", 7);
	path[6 + SETTINGS_PATH - 1] = '\0';
	CU_ASSERT_TRUE(READ(settings, error, path));
	path[6 + SETTINGS_PATH - 1] = 'a';
	path[6 + SETTINGS_PATH] = '\0';
	CU_ASSERT_FALSE(READ(settings, error, path));
	memcpy(path, "cover=/", 7);
	CU_ASSERT_FALSE(READ(settings, error, path));
	path[6 + SETTINGS_PATH - 1] = '\0';
	CU_ASSERT_TRUE(READ(settings, error, path));
}

/* What is found at /run/spoolfs in a table of one line, or NULL. */
static const char *found(const char *text, dev_t *ret_device)
{
	FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	const char *reason;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	reason = mounted_find(file, "/run/spoolfs", ret_device);
	fclose(file);
	return reason;
}

#define OURS                                                                         \
	"30 20 0:44 / /run/spoolfs rw,nosuid,nodev shared:1 - fuse.spoolfs spoolfs " \
	"rw,user_id=0,group_id=0,default_permissions,allow_other\n"

static void test_table(void)
{
	dev_t device = 0;

	CU_ASSERT_PTR_NULL(found(OURS, &device));
	CU_ASSERT_EQUAL(device, makedev(0, 44));
	CU_ASSERT_STRING_EQUAL(found("1 2\n", &device), "nothing is mounted there");
	CU_ASSERT_STRING_EQUAL(found(OURS "31 30 0:45 / /run/spoolfs rw - tmpfs x rw\n", &device),
			       "another filesystem is mounted there");
	CU_ASSERT_STRING_EQUAL(found("30 20 0:44 / /run/spoolfs rw - fuse.spoolfs spoolfs "
				     "rw,user_id=01,allow_other\n",
				     &device),
			       "root has not mounted it");
	CU_ASSERT_STRING_EQUAL(found("30 20 0:44 / /run/spoolfs rw - fuse.spoolfs spoolfs "
				     "rw,user_id=1000,allow_other,x=user_id=0\n",
				     &device),
			       "root has not mounted it");
	CU_ASSERT_STRING_EQUAL(
		found("30 20 0:44 / /run/spoolfs rw - fuse.spoolfs s rw,user_id=0\n", &device),
		"not for all users");
	CU_ASSERT_STRING_EQUAL(found("30 20 0:44 /7 /run/spoolfs rw - fuse.spoolfs s "
				     "rw,user_id=0,allow_other\n",
				     &device),
			       "only a part of a spoolfs is mounted there");
}

static void test_table_escapes(void)
{
	static const char text[] = "30 20 0:44 / /a\\040b\\134 rw - fuse.spoolfs s "
				   "user_id=0,allow_other\n";
	FILE *file = fmemopen((char *)(uintptr_t)text, sizeof(text) - 1, "r");
	dev_t device;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NULL(mounted_find(file, "/a b\\", &device));
	fclose(file);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"defaults", test_defaults}, {"all", test_all},
		{"wrong", test_wrong},       {"longest", test_longest},
		{"table", test_table},       {"table_escapes", test_table_escapes},
	};

	return unit_run("pam", tests, SPOOL_ARRAY_SIZE(tests));
}
