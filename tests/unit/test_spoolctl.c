/* SPDX-License-Identifier: MIT */

/* spoolctl: what its commands make of files and numbers. */

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "spoolctl/file_text.h"
#include "spoolctl/life_text.h"
#include "spoolctl/session_options.h"
#include "spoolctl/top_sample.h"
#include "spoolctl/top_view.h"
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

/* Return: of session_parse(), with its lines thrown away. */
static int parse(struct session_options *options, const char *line)
{
	char text[256], *argv[12] = {(char *)"session"}, *rest = text;
	FILE *out = stderr;
	int argc = 1, r;

	snprintf(text, sizeof(text), "%s", line);
	while ((argv[argc] = strsep(&rest, " ")))
		argc++;
	optind = 0;
	stderr = fopen("/dev/null", "w");
	r = session_parse(argc, argv, options);
	fclose(stderr);
	stderr = out;
	return r;
}

static void test_session_options(void)
{
	static const char *const wrong[] = {
		"begin",
		"stop",
		"end",
		"end x",
		"end 0",
		"end -1",
		"end 18446744073709551616",
		"end 1 a b",
		"list a b",
		"begin --login",
		"begin --login x",
		"begin --login -1",
		"begin --login 4294967295",
		"begin --login 1x",
		"begin --cgroup a",
		"begin --cgroup /",
		"begin --login 1 --dir /",
		"begin --dir /a /b",
		"begin --dir /a --holder 0",
		"begin --dir /a --holder 2147483648",
		"begin --dir /a --uid 4294967295",
		"begin --dir /a --uid root",
		"--json end 1",
		"list --uid 1",
		"end --login 5 1",
		"begin --bogus",
	};
	struct session_options options;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CU_ASSERT_EQUAL(parse(&options, wrong[i]), '?');
	CU_ASSERT_EQUAL(parse(&options, "--json list"), 0);
	CU_ASSERT_TRUE(options.verb == SESSION_LIST && options.json);
	CU_ASSERT_STRING_EQUAL(options.path, ".");
	CU_ASSERT_EQUAL(parse(&options, "begin --dir /a --holder 7 --uid 0"), 0);
	CU_ASSERT_TRUE(options.verb == SESSION_BEGIN && options.holder == 7 && options.uid == 0);
	CU_ASSERT_STRING_EQUAL(options.path, "/a");
	CU_ASSERT_STRING_EQUAL(options.cgroup, "");
	CU_ASSERT_FALSE(options.json);
	CU_ASSERT_EQUAL(parse(&options, "--json begin --dir /a"), 0);
	CU_ASSERT_TRUE(options.verb == SESSION_BEGIN && options.json);
	CU_ASSERT_EQUAL(parse(&options, "--login 0 begin /m"), 0);
	CU_ASSERT_TRUE(options.audit == 0 && options.uid == SPOOL_CTL_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(options.path, "/m");
	CU_ASSERT_EQUAL(parse(&options, "end 18446744073709551615 /m"), 0);
	CU_ASSERT_TRUE(options.verb == SESSION_END && options.id == UINT64_MAX);
	CU_ASSERT_EQUAL(parse(&options, "end -- 3"), 0);
	CU_ASSERT_EQUAL(options.id, 3);
}

static const struct top_user users[] = {
	{{.uid = 3, .disk = 4, .usage = {.size_used = 10, .ram_used = 9, .inodes_used = 1}}, 0, 8},
	{{.uid = 1, .waiting = 2, .usage = {.size_used = 10, .inodes_used = 7}}, (double)NAN, 9},
	{{.uid = 2,
	  .disk = UINT64_MAX,
	  .usage = {.size_used = UINT64_MAX, .ram_used = 1, .inodes_used = 3}},
	 5,
	 10000000},
};

/* The uids after sorting, as digits. */
static unsigned int sorted(enum top_order order)
{
	struct top_user copy[3];
	struct top_sample sample = {.users = copy, .n = 3};

	memcpy(copy, users, sizeof(users));
	top_sort(&sample, order);
	return copy[0].told.uid * 100 + copy[1].told.uid * 10 + copy[2].told.uid;
}

static void test_orders(void)
{
	struct top_sample empty = {0};

	CU_ASSERT_EQUAL(sorted(TOP_BY_SIZE), 213); /* equal ones by uid */
	CU_ASSERT_EQUAL(sorted(TOP_BY_RAM), 321);
	CU_ASSERT_EQUAL(sorted(TOP_BY_DISK), 231);
	CU_ASSERT_EQUAL(sorted(TOP_BY_FILES), 123);
	CU_ASSERT_EQUAL(sorted(TOP_BY_SESSIONS), 213);
	CU_ASSERT_EQUAL(sorted(TOP_BY_WAITING), 123);
	CU_ASSERT_EQUAL(sorted(TOP_BY_BUSY), 231); /* what is not known comes last */
	CU_ASSERT_EQUAL(sorted(TOP_BY_UID), 123);
	top_sort(&empty, TOP_BY_RAM);
	for (int order = 0; order < TOP_ORDERS; order++) {
		const char *name = top_order_name((enum top_order)order);

		CU_ASSERT_EQUAL(top_order_named(name), order);
	}
	for (int key = 'a', n = 0; key <= 'z'; key++) {
		n += top_order_of_key(key) >= 0;
		CU_ASSERT_TRUE(key < 'z' || n == TOP_ORDERS); /* one for each */
	}
	CU_ASSERT_EQUAL(top_order_named(""), -1);
	CU_ASSERT_EQUAL(top_order_named("sizes"), -1);
	CU_ASSERT_EQUAL(top_order_of_key('q'), -1);
	CU_ASSERT_EQUAL(top_order_of_key(0), -1);
	CU_ASSERT_EQUAL(top_order_of_key(-1), -1);
}

static double rate(int32_t pid, uint64_t before, uint64_t now, uint64_t ms)
{
	struct top_sample a = {.when_ms = 5000, .status = {.worker_pid = 1, .requests = before}};
	struct top_sample b = {.when_ms = 5000 + ms,
			       .status = {.worker_pid = pid, .requests = now, .uptime_ms = 10000}};

	return top_rate(&a, &b);
}

static void test_rates(void)
{
	struct top_sample first = {.status = {.requests = 50, .uptime_ms = 10000}};

	CU_ASSERT_EQUAL(top_rate(NULL, &first), 5);
	CU_ASSERT_EQUAL(rate(1, 100, 300, 2000), 100);
	CU_ASSERT_EQUAL(rate(1, 100, 100, 2000), 0);
	CU_ASSERT_EQUAL(rate(1, 100, 300, 0), 0);
	CU_ASSERT_EQUAL(rate(2, 100, 300, 2000), 30); /* another daemon: since its start */
	CU_ASSERT_EQUAL(rate(1, 300, 100, 2000), 10); /* the same number, yet another one */
}

/* Users come and go between two samples, and neither need be in order. */
static void test_rates_of_users(void)
{
	struct top_user had[] = {{.told = {.uid = 9, .requests = 4}},
				 {.told = {.uid = 1, .requests = 10}},
				 {.told = {.uid = 7, .requests = SPOOL_CTL_NO_LIMIT}}};
	struct top_user has[] = {{.told = {.uid = 8, .requests = 6}, .rate = -1},
				 {.told = {.uid = 7, .requests = SPOOL_CTL_NO_LIMIT}, .rate = -1},
				 {.told = {.uid = 1, .requests = 30}, .rate = -1}};
	struct top_sample before = {.when_ms = 1000, .users = had, .n = 3};
	struct top_sample now = {
		.when_ms = 3000, .users = has, .n = 3, .status = {.uptime_ms = 3000}};

	top_set_rates(&before, &now);
	CU_ASSERT_EQUAL(has[0].rate, 10);
	CU_ASSERT_EQUAL(has[1].rate, -1); /* stays as it is */
	CU_ASSERT_EQUAL(has[2].rate, 3);
	top_set_rates(NULL, &now);
	CU_ASSERT_EQUAL(has[0].rate, 10);
	CU_ASSERT_EQUAL(has[2].rate, 2);
}

static void test_lines(void)
{
	struct top_user copy[3];
	struct top_sample sample = {.users = copy, .n = 3, .status = {.caller_admin = 1}};
	size_t size, lines = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	memcpy(copy, users, sizeof(users));
	top_sort(&sample, TOP_BY_SIZE);
	top_print(out, "/a\nb", NULL, &sample, 2);
	fclose(out);
	for (const char *at = text, *begin = text; *at; at++) {
		lines += *at == '\n';
		/* the table fits a terminal of 80 columns, however much there is */
		if (*at == '\n') {
			CU_ASSERT_TRUE(lines < TOP_HEAD_LINES || at - begin <= 80);
			begin = at + 1;
		}
	}
	CU_ASSERT_EQUAL(lines, TOP_HEAD_LINES + 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "/a\\012b, up 0:00:00, 3 users, 0 sessions"));
	free(text);
}

static void test_lives(void)
{
	static const struct {
		const char *text;
		struct spool_ctl_life life;
	} lives[] = {
		{"stays until the mount ends", {.lifetime = 2, .session = 3}},
		{"belongs to no session, and stays until the mount ends", {.lifetime = 0}},
		{"goes when session 3 has ended", {.lifetime = 0, .session = 3}},
		{"goes when session 3 has ended", {.lifetime = 1, .mode = S_IFDIR, .session = 3}},
		{"is open, and goes after it was closed",
		 {.lifetime = 1, .mode = S_IFREG, .flags = SPOOL_CTL_LIFE_OPEN}},
		{"goes after it was opened and closed again", {.lifetime = 1, .mode = S_IFREG}},
		{"is closed, and goes in 7 ms unless it is opened",
		 {.lifetime = 1, .mode = S_IFREG, .linger_ms = 7}},
		{"goes now: it is over", {.flags = SPOOL_CTL_LIFE_ENDED, .session = 3}},
		{"goes as soon as it is empty: it is over, but holds what is not",
		 {.flags = SPOOL_CTL_LIFE_ENDED, .waits_for = "f"}},
	};
	char text[128], cut[5];

	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct spool_ctl_life life = lives[i].life;

		if (life.linger_ms == 0)
			life.linger_ms = SPOOL_CTL_NO_LIMIT;
		CU_ASSERT_STRING_EQUAL(life_text(&life, text, sizeof(text)), lives[i].text);
	}
	CU_ASSERT_STRING_EQUAL(life_text(&lives[0].life, cut, sizeof(cut)), "stay");
	CU_ASSERT_STRING_EQUAL(file_lifetime(0), "session");
	CU_ASSERT_STRING_EQUAL(file_lifetime(1), "close");
	CU_ASSERT_STRING_EQUAL(file_lifetime(2), "mount");
	CU_ASSERT_STRING_EQUAL(file_lifetime(3), "-");
	CU_ASSERT_STRING_EQUAL(file_lifetime(SPOOL_CTL_UNKNOWN), "-");
}

static const struct unit_test tests[] = {
	{"kinds", test_kinds},
	{"tiers", test_tiers},
	{"names", test_names},
	{"session options", test_session_options},
	{"orders", test_orders},
	{"rates", test_rates},
	{"rates_of_users", test_rates_of_users},
	{"lines", test_lines},
	{"lives", test_lives},
};

int main(void)
{
	return unit_run("spoolctl", tests, sizeof(tests) / sizeof(tests[0]));
}
