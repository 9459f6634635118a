/* SPDX-License-Identifier: MIT */

/* spoolctl: what its commands make of files and numbers. */

#include <string.h>
#include <sys/stat.h>

#include "spoolctl/file_text.h"
#include "unit.h"

static void test_kinds(void)
{
	static const struct {
		mode_t mode;
		const char *type, *suffix;
	} kinds[] = {
		{S_IFREG | 0600, "file", ""}, {S_IFDIR, "directory", "/"},
		{S_IFLNK, "symlink", "@"},    {S_IFIFO, "fifo", "|"},
		{S_IFSOCK, "socket", "="},    {S_IFCHR, "char", ""},
		{S_IFBLK, "block", ""},       {0, "unknown", ""},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		CU_ASSERT_STRING_EQUAL(file_type(kinds[i].mode), kinds[i].type);
		CU_ASSERT_STRING_EQUAL(file_suffix(kinds[i].mode), kinds[i].suffix);
	}
}

static void test_tiers(void)
{
	CU_ASSERT_STRING_EQUAL(file_tier(0, 0), "-");
	CU_ASSERT_STRING_EQUAL(file_tier(1, 0), "ram");
	CU_ASSERT_STRING_EQUAL(file_tier(0, 4096), "disk");
	CU_ASSERT_STRING_EQUAL(file_tier(64, 4096), "ram+disk");
}

static void test_names(void)
{
	char hex[2 * 256] = "as it was", longest[256];

	CU_ASSERT_FALSE(file_name_hex("", hex));
	CU_ASSERT_FALSE(file_name_hex("a\n\x7f\xc3\xa4", hex));
	CU_ASSERT_STRING_EQUAL(hex, "as it was");
	CU_ASSERT_TRUE(file_name_hex("a\xff", hex));
	CU_ASSERT_STRING_EQUAL(hex, "61ff");
	CU_ASSERT_TRUE(file_name_hex("\xc3", hex)); /* cut short */
	CU_ASSERT_STRING_EQUAL(hex, "c3");
	memset(longest, 0x80, 255);
	longest[255] = '\0';
	CU_ASSERT_TRUE(file_name_hex(longest, hex));
	CU_ASSERT_EQUAL(strlen(hex), 510);
}

static const struct unit_test tests[] = {
	{"kinds", test_kinds},
	{"tiers", test_tiers},
	{"names", test_names},
};

int main(void)
{
	return unit_run("spoolctl", tests, sizeof(tests) / sizeof(tests[0]));
}
