/* SPDX-License-Identifier: MIT */

/* pam_spoolfs.so: its arguments. */

#include <string.h>

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
		CU_ASSERT_PTR_NULL(strchr(error, '\n'));
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

int main(void)
{
	static const struct unit_test tests[] = {
		{"defaults", test_defaults}, {"all", test_all},
		{"wrong", test_wrong},       {"longest", test_longest},
	};

	return unit_run("pam", tests, SPOOL_ARRAY_SIZE(tests));
}
