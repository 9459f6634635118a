/* SPDX-License-Identifier: MIT */

/* What the tools share: JSON text, lists of options, the mount table, names. */

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/json.h"
#include "common/mounts.h"
#include "common/options.h"
#include "common/text.h"
#include "ctl/names.h"
#include "unit.h"
#include "util/macros.h"

/* What the writer makes of one value; to be freed. */
static char *text_of(void (*write)(struct json *json))
{
	struct json json = {.first = true};
	size_t size;
	char *text = NULL;

	json.out = open_memstream(&text, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json.out);
	write(&json);
	fclose(json.out);
	return text;
}

static void expect(void (*write)(struct json *json), const char *wanted)
{
	char *text = text_of(write);

	CU_ASSERT_STRING_EQUAL(text, wanted);
	free(text);
}

static void write_nested(struct json *json)
{
	json_open(json, NULL, '{');
	json_number(json, "n", UINT64_MAX);
	json_open(json, "list", '[');
	json_number(json, NULL, 0);
	json_open(json, NULL, '{');
	json_close(json, '}');
	json_bool(json, NULL, true);
	json_close(json, ']');
	json_bool(json, "b", false);
	json_limit(json, "none", UINT64_MAX);
	json_limit(json, "some", UINT64_MAX - 1);
	json_close(json, '}');
}

static void test_json_commas(void)
{
	expect(write_nested, "{\"n\": 18446744073709551615, \"list\": [0, {}, true], \"b\": false, "
			     "\"none\": null, \"some\": 18446744073709551614}");
}

static void write_decimals(struct json *json)
{
	static const double values[] = {0, 1.5, -1e-9, 123456789, (double)NAN, (double)INFINITY};

	json_open(json, NULL, '[');
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		json_decimal(json, NULL, values[i]);
	json_close(json, ']');
}

static void test_json_decimals(void)
{
	expect(write_decimals, "[0, 1.5, -1e-09, 1.23457e+08, null, null]");
}

static void write_controls(struct json *json)
{
	json_string(json, NULL, "\"\\\x01\n\x1f\x7f");
}

/* Each of these is cut short, too long, a surrogate or beyond Unicode: one mark per byte. */
static void write_not_utf8(struct json *json)
{
	static const char *const bad[] = {
		"\x80",         "\xc0\x80",         "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xf0\x80\x80", "\xf4\x90\x80\x80", "\xff"};

	json_open(json, NULL, '[');
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		json_string(json, NULL, bad[i]);
	json_close(json, ']');
}

static void write_utf8(struct json *json)
{
	json_string(json, "\xc2\x80",
		    "\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf");
}

#define MARK "\\ufffd"

static void test_json_strings(void)
{
	expect(write_controls, "\"\\\"\\\\\\u0001\\u000a\\u001f\x7f\"");
	expect(write_utf8, "\"\xc2\x80\": "
			   "\"\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf\"");
	expect(write_not_utf8, "[\"" MARK "\", \"" MARK MARK "\", \"" MARK "\", \"" MARK MARK MARK
			       "\", \"" MARK MARK MARK "\", \"" MARK MARK MARK
			       "\", \"" MARK MARK MARK MARK "\", \"" MARK "\"]");
}

static void test_option_lists(void)
{
	char *list = NULL;

	CU_ASSERT_EQUAL(options_join(&list, "a=1"), 0);
	CU_ASSERT_STRING_EQUAL(list, "a=1");
	CU_ASSERT_EQUAL(options_join(&list, "noexec,b"), 0);
	CU_ASSERT_STRING_EQUAL(list, "a=1,noexec,b");
	free(list);
}

static void test_names(void)
{
	char all[128], cut[8];

	for (unsigned int list = 0; list < SPOOL_CTL_LISTS; list++) {
		unsigned int n = 0;

		for (const char *name; (name = spool_ctl_name(list, n)); n++)
			CU_ASSERT_EQUAL(spool_ctl_number(list, name), (int)n);
		CU_ASSERT_TRUE(n > 1);
		CU_ASSERT_EQUAL(spool_ctl_number(list, "none of them"), -1);
		CU_ASSERT_PTR_NULL(spool_ctl_name(list, UINT32_MAX));
		CU_ASSERT_STRING_EQUAL(spool_ctl_shown(list, n), "unknown");
		CU_ASSERT_STRING_EQUAL(spool_ctl_shown(list, 0), spool_ctl_name(list, 0));
	}
	CU_ASSERT_STRING_EQUAL(spool_ctl_join(SPOOL_CTL_LAYOUTS, all, sizeof(all)),
			       "private, single, shared");
	CU_ASSERT_STRING_EQUAL(spool_ctl_join(SPOOL_CTL_LAYOUTS, cut, sizeof(cut)), "private");
}

struct seen {
	char text[256];
	int stop_at;
	int n;
};

static int note(void *arg, const struct mounts_entry *entry)
{
	struct seen *seen = arg;

	sprintf(strchr(seen->text, '\0'), "%u:%s|", minor(entry->device), entry->path);
	return ++seen->n == seen->stop_at ? 42 : 0;
}

static int walk(const char *table, struct seen *seen)
{
	FILE *file = fmemopen((void *)(uintptr_t)table, strlen(table), "r");
	int r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	r = mounts_each(file, note, seen);
	fclose(file);
	return r;
}

/* Lines that are cut off, that have no separator, and paths that try to look like one. */
static const char table[] =
	"21 1 0:20 / /proc rw - proc proc rw\n"
	"30 1 0:40 / /a\\040b rw,nosuid shared:5 master:1 - fuse.spoolfs spoolfs rw\n"
	"31 1 0:41 / /x\\134040y rw - fuse.spoolfs spoolfs rw\n"
	"32 1 0:42 / /not\\040-\\040fuse.spoolfs rw - ext4 /dev/a rw\n"
	"33 1 0:43 / /other rw - fuse.spoolfsx spoolfs rw\n"
	"34 1 0:44\n"
	"\n"
	"35 1 0:45 / /nosep rw fuse.spoolfs spoolfs rw\n"
	"36 1 0:46 / /last rw - fuse.spoolfs s rw\n";

static void test_mount_table(void)
{
	struct seen all = {.n = 0}, first = {.stop_at = 1};

	CU_ASSERT_EQUAL(walk(table, &all), 0);
	CU_ASSERT_STRING_EQUAL(all.text, "40:/a b|41:/x\\040y|46:/last|");
	CU_ASSERT_EQUAL(walk(table, &first), 42);
	CU_ASSERT_STRING_EQUAL(first.text, "40:/a b|");
}

static void expect_ascii(const char *text, size_t size, const char *expected)
{
	char *ascii = text_ascii(text, size);

	CU_ASSERT_TRUE(expected ? ascii && strcmp(ascii, expected) == 0 : !ascii);
	free(ascii);
}

static void test_json_in_ascii(void)
{
	expect_ascii("", 0, "");
	expect_ascii("a\\\\\xc3\xa4\xe2\x82\xac\xf4\x8f\xbf\xbf\xff", 12,
		     "a\\\\\\u00e4\\u20ac\\udbff\\udfff");
	expect_ascii("a\xff", 2, NULL);
	expect_ascii("\xc3\xa4", 1, NULL);
	expect_ascii("\\\xc3\xa4", 3, NULL); /* no escape, and none is made of it */
}

static const struct unit_test tests[] = {
	{"json_commas", test_json_commas},
	{"json_decimals", test_json_decimals},
	{"json_strings", test_json_strings},
	{"option_lists", test_option_lists},
	{"json_in_ascii", test_json_in_ascii},
	{"mount_table", test_mount_table},
	{"names", test_names},
};

int main(void)
{
	return unit_run("tools", tests, sizeof(tests) / sizeof(tests[0]));
}
