/* SPDX-License-Identifier: MIT */

/* spoolfs-oci-hook: what it is given, by whoever may annotate a container, and what it makes of it.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/wish.h"
#include "unit.h"
#include "util/macros.h"

/* A stream whose text is looked at. */
struct lines {
	FILE *file;
	char *text;
	size_t size;
};

static void open_lines(struct lines *lines)
{
	*lines = (struct lines){0};
	lines->file = open_memstream(&lines->text, &lines->size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lines->file);
}

/* Is this all of it? With @text NULL: is it one line of ours? */
static bool said(struct lines *lines, const char *text)
{
	bool is;

	fclose(lines->file);
	is = text ? strcmp(lines->text, text) == 0
		  : strncmp(lines->text, "spoolfs-oci-hook: ", 18) == 0 &&
			     strchr(lines->text, '\n') == lines->text + lines->size - 1;
	if (!is)
		printf("said: %s\n", lines->text);
	free(lines->text);
	return is;
}

static void test_wish(void)
{
	static const struct {
		const char *text, *path, *options;
	} right[] = {
		{"", "/tmp", ""},
		{"10G", "/tmp", "size=10G"},
		{"50%", "/tmp", "size=50%"},
		{"10G,ram=1G,noexec", "/tmp", "size=10G,ram=1G,noexec"},
		{"10G ram=1G path=/scratch", "/scratch", "size=10G,ram=1G"},
		{"path=/a/.b/c..", "/a/.b/c..", ""},
		/* the daemon says what is wrong with a value */
		{"size=x", "/tmp", "size=x"},
		{"10G\nram=1", "/tmp", "size=10G\nram=1"},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(right); i++) {
		struct wish wish;

		CU_ASSERT_EQUAL_FATAL(wish_read(right[i].text, &wish, stderr), 0);
		CU_ASSERT_STRING_EQUAL(wish.path, right[i].path);
		CU_ASSERT_STRING_EQUAL(wish.options, right[i].options);
		wish_free(&wish);
	}
}

static void test_wrong_wish(void)
{
	static const char *const wrong[] = {
		"big",         "10G,",           ",10G",        "backing=/etc",
		"encrypt=off", "layout=private", "uid=0",       "siz=1",
		"size1",       "path",           "path=",       "path=/",
		"path=tmp",    "path=/a/..",     "path=/./a",   "path=//a",
		"path=/a/",    "path=/a//b",     "allow_other", "10G  ram=1"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		struct lines lines;
		struct wish wish;

		open_lines(&lines);
		CU_ASSERT_EQUAL(wish_read(wrong[i], &wish, lines.file), -1);
		wish_free(&wish);
		CU_ASSERT_TRUE(said(&lines, NULL));
	}
}

static void test_one_line_whatever_is_given(void)
{
	struct lines lines;
	struct wish wish;

	open_lines(&lines);
	CU_ASSERT_EQUAL(wish_read("path=/a/../\n\x1b[2J", &wish, lines.file), -1);
	wish_free(&wish);
	CU_ASSERT_TRUE(said(&lines, "spoolfs-oci-hook: annotation spoolfs.scratch: "
				    "path=/a/../\\012\\033[2J: not a path (allowed: absolute, "
				    "without ., .. and a slash at the end)\n"));
}

static const struct unit_test tests[] = {
	{"annotations say what is wanted", test_wish},
	{"other annotations are refused", test_wrong_wish},
	{"a refusal is one line", test_one_line_whatever_is_given},
};

int main(void)
{
	return unit_run("hook", tests, SPOOL_ARRAY_SIZE(tests));
}
