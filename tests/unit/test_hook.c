/* SPDX-License-Identifier: MIT */

/* spoolfs-oci-hook: what it is given, by whoever may annotate a container, and what it makes of it.
 */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook/config.h"
#include "hook/input.h"
#include "hook/owner.h"
#include "hook/place.h"
#include "hook/state.h"
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

static json_object *parse_bytes(const char *text, size_t size, FILE *errors)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, size, "r");
	json_object *object;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	object = input_read(file, "input", errors);
	fclose(file);
	return object;
}

static json_object *parse(const char *text)
{
	return parse_bytes(text, strlen(text), stderr);
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

static void expect_config(const char *before, const char *path, const char *after)
{
	json_object *config = parse(before);

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config_set_tmpdir(config, path, stderr), 0);
	CU_ASSERT_EQUAL(config_keep_errors(config, stderr), 0);
	CU_ASSERT_STRING_EQUAL(
		json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE),
		after);
	json_object_put(config);
}

static void test_config(void)
{
	expect_config("{\"process\":{\"env\":[\"A=/b\",\"TMP=x\",\"TMPDIRS=y\",\"TMPDIR=z\"]}}",
		      "/scratch",
		      "{\"process\":{\"env\":[\"A=/b\",\"TMPDIRS=y\",\"TMPDIR=/scratch\","
		      "\"TMP=/scratch\",\"TEMP=/scratch\"]}}");
	expect_config("{\"process\":{\"env\":null}}", "/t",
		      "{\"process\":{\"env\":[\"TMPDIR=/t\",\"TMP=/t\",\"TEMP=/t\"]}}");
	expect_config("{\"process\":{}}", "/t",
		      "{\"process\":{\"env\":[\"TMPDIR=/t\",\"TMP=/t\",\"TEMP=/t\"]}}");
	expect_config("{\"root\":{}}", "/t", "{\"root\":{}}"); /* it runs nothing */
	expect_config("{\"annotations\":{\"a\":\"b\"}}", "/t",
		      "{\"annotations\":{\"a\":\"b\",\"run.oci.hooks.stderr\":\"/dev/stderr\"}}");
	expect_config("{\"annotations\":{\"run.oci.hooks.stderr\":\"/x\"}}", "/t",
		      "{\"annotations\":{\"run.oci.hooks.stderr\":\"/x\"}}");
}

/* What is not ours comes out as it went in: 2^64-1 is RLIM_INFINITY. */
static void test_config_is_kept(void)
{
	static const char text[] =
		"{\"a\":18446744073709551615,\"b\":-9223372036854775808,"
		"\"c\":1.50e300,\"d\":\"\\u00e4/\xc3\xa4\",\"e\":[null,true,{}]}";
	static const char kept[] =
		"{\"a\":18446744073709551615,\"b\":-9223372036854775808,"
		"\"c\":1.50e300,\"d\":\"\xc3\xa4/\xc3\xa4\",\"e\":[null,true,{}]}";

	expect_config(text, "/t", kept);
}

static void test_wrong_config(void)
{
	static const char *const wrong[] = {
		"{\"process\":7}",
		"{\"process\":null}",
		"{\"process\":[]}",
		"{\"process\":{\"env\":7}}",
		"{\"process\":{\"env\":{}}}",
		"{\"process\":{\"env\":\"TMP=x\"}}",
		"{\"process\":{\"env\":[\"A=b\",7]}}",
		"{\"process\":{\"env\":[null]}}",
		"{\"process\":{\"env\":[[\"TMP=x\"]]}}",
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		json_object *config = parse(wrong[i]);
		struct lines lines;

		CU_ASSERT_PTR_NOT_NULL_FATAL(config);
		open_lines(&lines);
		CU_ASSERT_EQUAL(config_set_tmpdir(config, "/t", lines.file), -1);
		CU_ASSERT_TRUE(said(&lines, NULL));
		json_object_put(config);
	}
}

static void test_annotation(void)
{
	static const char *const none[] = {"{}", "{\"annotations\":null}", "{\"annotations\":{}}"};
	static const char *const wrong[] = {
		"{\"annotations\":[]}", "{\"annotations\":\"a\"}", "{\"annotations\":{\"a\":7}}",
		"{\"annotations\":{\"a\":null}}", "{\"annotations\":{\"a\":\"x\\u0000y\"}}"};
	json_object *object = parse("{\"annotations\":{\"a\":\"x\"}}");
	const char *value;

	CU_ASSERT_EQUAL(config_annotation(object, "a", &value, stderr), 0);
	CU_ASSERT_STRING_EQUAL(value, "x");
	json_object_put(object);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(none); i++) {
		object = parse(none[i]);
		CU_ASSERT_EQUAL(config_annotation(object, "a", &value, stderr), 0);
		CU_ASSERT_PTR_NULL(value);
		json_object_put(object);
	}
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		struct lines lines;

		object = parse(wrong[i]);
		open_lines(&lines);
		CU_ASSERT_EQUAL(config_annotation(object, "a", &value, lines.file), -1);
		CU_ASSERT_TRUE(said(&lines, NULL));
		json_object_put(object);
	}
}

static void expect_no_object(const char *text, size_t size)
{
	struct lines lines;

	open_lines(&lines);
	CU_ASSERT_PTR_NULL(parse_bytes(text, size, lines.file));
	CU_ASSERT_TRUE(said(&lines, NULL));
}

static void test_no_object(void)
{
	static const char *const wrong[] = {
		"x",     "7",      "\"a\"",           "[]",  "null",
		"{",     "{\"a\"", "{a:1}",           "{}x", "{\"a\":1,}",
		"{} {}", " ",      "{\"a\":\"\xff\"}"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++)
		expect_no_object(wrong[i], strlen(wrong[i]));
	expect_no_object("{}\0x", 4);
}

/* @n times "[", or something else that goes on for ever */
static char *repeat(const char *part, size_t n)
{
	size_t length = strlen(part);
	char *text = malloc(n * length + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * length, part, length);
	text[n * length] = '\0';
	return text;
}

static void test_deep_and_long(void)
{
	static const char *const deep[] = {"[", "{\"a\":"};
	char *text;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(deep); i++) {
		text = repeat(deep[i], 1000000);
		expect_no_object(text, strlen(text));
		free(text);
	}
	text = repeat(" ", INPUT_BYTES_MAX + 1);
	expect_no_object(text, strlen(text));
	memcpy(text, "{}", 2);
	expect_no_object(text, strlen(text));
	free(text);
}

/* A million settings are replaced in one walk. */
static void test_long_environment(void)
{
	char *settings = repeat("\"TMP=x\",", 1000000);
	char *text;
	json_object *config, *env;

	CU_ASSERT_FATAL(asprintf(&text, "{\"process\":{\"env\":[%s\"A=b\"]}}", settings) > 0);
	config = parse(text);
	CU_ASSERT_EQUAL(config_set_tmpdir(config, "/t", stderr), 0);
	env = input_member(input_member(config, "process", json_type_object), "env",
			   json_type_array);
	CU_ASSERT_EQUAL(json_object_array_length(env), 4);
	json_object_put(config);
	free(text);
	free(settings);
}

static void test_state(void)
{
	json_object *object = parse("{\"id\":\"c.1\",\"bundle\":\"/b\",\"pid\":7,"
				    "\"status\":\"creating\"}");
	struct state state;

	CU_ASSERT_TRUE(state_is_one(object));
	CU_ASSERT_EQUAL(state_read(object, &state, stderr), 0);
	CU_ASSERT_STRING_EQUAL(state.id, "c.1");
	CU_ASSERT_STRING_EQUAL(state.bundle, "/b");
	CU_ASSERT_EQUAL(state.pid, 7);
	CU_ASSERT_FALSE(state.is_over);
	json_object_put(object);
	object = parse("{\"id\":\"c\",\"status\":\"stopped\"}");
	CU_ASSERT_EQUAL(state_read(object, &state, stderr), 0);
	CU_ASSERT_TRUE(state.is_over);
	json_object_put(object);
}

static void test_wrong_state(void)
{
	static const char *const wrong[] = {
		"{\"id\":\"\",\"status\":\"stopped\"}",
		"{\"id\":\"..\",\"status\":\"stopped\"}",
		"{\"id\":\"a/b\",\"status\":\"stopped\"}",
		"{\"id\":\"a\\u0000b\",\"status\":\"stopped\"}",
		"{\"id\":7,\"status\":\"stopped\"}",
		"{\"status\":\"stopped\"}",
		"{\"id\":\"a\"}",
		"{\"id\":\"a\",\"status\":7}",
		"{\"id\":\"a\",\"status\":\"running\",\"pid\":7,\"bundle\":\"/b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":7}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":7,\"bundle\":\"b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":0,\"bundle\":\"/b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":-7,\"bundle\":\"/b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":4294967297,\"bundle\":\"/b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"pid\":\"7\",\"bundle\":\"/b\"}",
		"{\"id\":\"a\",\"status\":\"creating\",\"bundle\":\"/b\"}",
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		json_object *object = parse(wrong[i]);
		struct lines lines;
		struct state state;

		open_lines(&lines);
		CU_ASSERT_EQUAL(state_read(object, &state, lines.file), -1);
		CU_ASSERT_TRUE(said(&lines, NULL));
		json_object_put(object);
	}
}

static id_t zero_of(const char *text)
{
	FILE *map = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	id_t found = owner_of_zero(map);

	fclose(map);
	return found;
}

static void test_owner(void)
{
	uid_t uid = 7;
	gid_t gid = 7;

	CU_ASSERT_EQUAL(zero_of("         0     100000      65536\n"), 100000);
	CU_ASSERT_EQUAL(zero_of("1000 0 1\n0 200000 1000\n"), 200000);
	CU_ASSERT_EQUAL(zero_of("0 0 4294967295\n"), 0);
	CU_ASSERT_EQUAL(zero_of("5 100000 1\n"), 0);
	CU_ASSERT_EQUAL(zero_of("what\n"), 0);
	CU_ASSERT_EQUAL(owner_read(getpid(), &uid, &gid), 0);
	CU_ASSERT_EQUAL(owner_read(-1, &uid, &gid), -ENOENT);
}

static pid_t ended_process(void)
{
	pid_t pid = fork();
	siginfo_t info;

	if (pid == 0)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); /* nobody has reaped it */
	return pid;
}

static void test_place(void)
{
	char top[] = "/tmp/spool-test-hook-XXXXXX", base[64], dead[PATH_MAX], other[PATH_MAX],
	     live[PATH_MAX];
	struct stat found;
	pid_t pid = ended_process();

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	snprintf(base, sizeof(base), "%s/base", top);
	CU_ASSERT_EQUAL(place_make(base, "a-1", pid, dead), 0);
	CU_ASSERT_EQUAL(place_make(base, "a", getpid(), live), 0);
	CU_ASSERT_NOT_EQUAL(stat(dead, &found), 0); /* what the dead have left goes first */
	CU_ASSERT_EQUAL(place_make(base, "a", getpid(), other), -EEXIST);
	CU_ASSERT_EQUAL(stat(live, &found), 0);
	CU_ASSERT_EQUAL(found.st_mode & 0777, 0700);
	mkdir(dead, 0700);
	place_wait(base, "a", 0); /* not its own */
	CU_ASSERT_EQUAL(stat(dead, &found), 0);
	place_wait(base, "a-1", 0);
	CU_ASSERT_NOT_EQUAL(stat(dead, &found), 0);
	place_give_up(base, live);
	CU_ASSERT_NOT_EQUAL(stat(base, &found), 0);
	CU_ASSERT_EQUAL(rmdir(top), 0);
}

/* The number behind it is always whole. */
static void test_place_of_a_long_name(void)
{
	char top[] = "/tmp/spool-test-hook-XXXXXX", place[PATH_MAX], *name = repeat("x", 255);
	pid_t pid = ended_process();

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	CU_ASSERT_EQUAL(place_make(top, name, pid, place), 0);
	CU_ASSERT_EQUAL(strlen(strrchr(place, '/') + 1), 200 + 1 + strlen(strrchr(place, '-') + 1));
	place_wait(top, name, 0);
	CU_ASSERT_NOT_EQUAL(access(top, F_OK), 0); /* nothing is left */
	free(name);
}

static const struct unit_test tests[] = {
	{"annotations say what is wanted", test_wish},
	{"other annotations are refused", test_wrong_wish},
	{"a refusal is one line", test_one_line_whatever_is_given},
	{"a configuration gets TMPDIR", test_config},
	{"what is not ours is kept", test_config_is_kept},
	{"configurations of wrong types", test_wrong_config},
	{"annotations of all types", test_annotation},
	{"what is no object", test_no_object},
	{"what is deep or long", test_deep_and_long},
	{"a long environment", test_long_environment},
	{"states", test_state},
	{"states of wrong types", test_wrong_state},
	{"who root of a container is", test_owner},
	{"mount points come and go", test_place},
	{"a long name", test_place_of_a_long_name},
};

int main(void)
{
	return unit_run("hook", tests, SPOOL_ARRAY_SIZE(tests));
}
