/* SPDX-License-Identifier: MIT */

/* The daemon's command line: what each option means, what is refused and how. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "options/options.h"
#include "unit.h"
#include "util/macros.h"

#define GIB (UINT64_C(1) << 30)

static const struct spool_machine roots = {.ram = 16 * GIB, .uid = 0, .gid = 0};
static const struct spool_machine users = {.ram = 16 * GIB, .uid = 1000, .gid = 100};

/* @ret's strings point into a buffer that the next call uses again. */
static int parse(const struct spool_machine *machine, const char *list, struct spool_options *ret,
		 char *line, size_t size)
{
	static char text[512], program[] = "spoolfs", o[] = "-o", dir[] = "/nowhere";
	char *argv[] = {program, o, text, dir, NULL};
	FILE *errors = fmemopen(line, size, "w");
	int r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(errors);
	snprintf(text, sizeof(text), "%s", list);
	r = spool_options_parse(4, argv, machine, ret, errors);
	fclose(errors);
	return r;
}

static void test_defaults(void)
{
	struct spool_options options;
	char line[256] = "";
	const struct spool_limits *limits = &options.config.limits;

	CU_ASSERT_EQUAL(parse(&roots, "rw", &options, line, sizeof(line)), 0);
	CU_ASSERT_STRING_EQUAL(line, "");
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_RAM], 4 * GIB);
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_SIZE], 4 * GIB); /* no backing */
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_INODES], 1 << 20);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_SIZE], 4 * GIB / 100 * 80 + 76);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_RAM], 2 * GIB);
	CU_ASSERT_EQUAL(options.config.layout, SPOOL_LAYOUT_PRIVATE);
	CU_ASSERT_TRUE(options.allow_other);
	CU_ASSERT_TRUE(options.encrypt);
	CU_ASSERT_EQUAL(options.threshold, 16 << 20);
	CU_ASSERT_EQUAL(options.detach, 5);
	CU_ASSERT_EQUAL(options.transport, SPOOL_TRANSPORT_AUTO);
	CU_ASSERT_EQUAL(options.config.lifetime, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(options.session, SPOOL_SESSION_AUTO);
	CU_ASSERT_EQUAL(options.grace, 10);
	CU_ASSERT_STRING_EQUAL(options.source, "spoolfs");
	CU_ASSERT_EQUAL(parse(&users, "rw", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(options.config.layout, SPOOL_LAYOUT_SINGLE);
	CU_ASSERT_EQUAL(options.config.root_uid, 1000);
	CU_ASSERT_EQUAL(options.config.root_gid, 100);
	CU_ASSERT_EQUAL(options.config.root_mode, 0700);
	CU_ASSERT_FALSE(options.allow_other);
}

/* One user alone has all there is, also after a change; what is given holds. */
static void test_single(void)
{
	struct spool_options options, changed;
	const struct spool_limits *limits = &options.config.limits;
	char line[256] = "";

	CU_ASSERT_EQUAL(parse(&users, "size=100M,nr_inodes=1000", &options, line, sizeof(line)), 0);
	for (int i = 0; i < SPOOL_RES_N; i++)
		CU_ASSERT_EQUAL(limits->user[i], limits->mount[i]);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_SIZE], 100 << 20);
	CU_ASSERT_EQUAL(spool_options_change(&options, "ram=1G", &changed, stderr), 0);
	CU_ASSERT_EQUAL(changed.config.limits.user[SPOOL_RES_RAM], GIB);
	CU_ASSERT_EQUAL(parse(&roots, "layout=single", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_RAM], 4 * GIB);
	CU_ASSERT_EQUAL(
		parse(&users, "ram=1G,user_ram=25%,user_size=1M", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_RAM], GIB / 4);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_SIZE], 1 << 20);
	CU_ASSERT_EQUAL(parse(&roots, "layout=shared,ram=1G", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_RAM], GIB / 2);
}

static void test_modes(void)
{
	static const struct {
		const char *list;
		enum spool_modes modes;
	} want[] = {
		{"rw", SPOOL_MODES_OWNER},
		{"modes=owner", SPOOL_MODES_OWNER},
		{"modes=strict", SPOOL_MODES_STRICT},
		{"modes=keep", SPOOL_MODES_KEEP},
		{"modes=refuse", SPOOL_MODES_REFUSE},
		{"layout=shared", SPOOL_MODES_KEEP},
	};
	struct spool_options options;
	char line[256] = "";

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		CU_ASSERT_EQUAL(parse(&roots, want[i].list, &options, line, sizeof(line)), 0);
		CU_ASSERT_EQUAL(options.config.modes, want[i].modes);
	}
}

static void test_amounts(void)
{
	struct spool_options options;
	const struct spool_limits *limits = &options.config.limits;
	char line[256];

	CU_ASSERT_EQUAL(parse(&roots, "ram=1M,size=10G,nr_inodes=7,user_size=1%,user_ram=100%",
			      &options, line, sizeof(line)),
			0);
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_RAM], 1 << 20);
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_SIZE], 10 * GIB);
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_INODES], 7);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_SIZE], 10 * GIB / 100);
	CU_ASSERT_EQUAL(limits->user[SPOOL_RES_RAM], 1 << 20);
	CU_ASSERT_EQUAL(parse(&roots, "ram=1M,ram=50%,threshold=0", &options, line, sizeof(line)),
			0);
	CU_ASSERT_EQUAL(limits->mount[SPOOL_RES_RAM], 8 * GIB); /* the last one counts */
	CU_ASSERT_EQUAL(options.threshold, 0);
	CU_ASSERT_EQUAL(parse(&roots, "threshold=none", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(options.threshold, UINT64_MAX);
}

/* One line that names the option, its value and what is allowed; nothing else. */
static void test_refusals(void)
{
	static const char *const bad[][2] = {
		{"ram=", "ram: needs a value"},
		{"ram", "ram: needs a value"},
		{"ram=0", "ram=0: out of range"},
		{"ram=0%", "ram=0%: out of range"},
		{"ram=101%", "ram=101%: out of range"},
		{"ram=1048575", "ram=1048575: too small"},
		{"ram=99999999999999999999", "ram=99999999999999999999: out of range"},
		{"ram=16777216T", "ram=16777216T: out of range"},
		{"ram=-1", "ram=-1: not a number"},
		{"size=1k", "size=1024: too small"},
		{"nr_inodes=3", "nr_inodes=3: too small"},
		{"user_inodes=1", "user_inodes=1: too small"},
		{"user_size=4095", "user_size=4095: too small"},
		{"user_ram=1", "user_ram=1: too small"},
		{"nr_inodes=5%", "nr_inodes=5%: not a number"},
		{"user_size=x", "user_size=x: not a number"},
		{"threshold=some", "threshold=some: not a number"},
		{"reserve=200%", "reserve=200%: out of range"},
		{"layout=public", "layout=public: unknown layout"},
		{"modes=none", "modes=none: unknown modes"},
		{"mode=9", "mode=9: not a mode"},
		{"uid=4294967295", "uid=4294967295: not a uid"},
		{"gid=-1", "gid=-1: not a gid"},
		{"encrypt=yes", "encrypt=yes: neither on nor off"},
		{"backing=relative", "backing=relative: not an absolute path"},
		{"backing=/nowhere/at/all", "backing=/nowhere/at/all: "},
		{"transport=tcp", "transport=tcp: unknown transport"},
		{"log_level=all", "log_level=all: unknown level"},
		{"mask=uring", "mask=uring: unknown option"},
		{"xattr=no", "xattr=no: neither on nor off"},
		{"xattr=", "xattr: needs a value"},
		{"xattr=off,layout=shared", "xattr=off: layout=shared has ACLs"},
		{"noallow_other", "noallow_other: layout=private is for all users"},
		{"mlock=yes", "mlock=yes: neither on nor off"},
		{"passthrough=off", "passthrough=off: unknown option"},
		{"passthrough=on", "passthrough=on: unknown option"},
		{"noexec=1", "noexec=1: takes no value"},
		{"ro", "ro: a scratch filesystem must be writable"},
		{"nosuch", "nosuch: unknown option"},
		{"rams=1G", "rams=1G: unknown option"},
		{"=1", "=1: unknown option"},
		{"fsname=a\\b", "fsname=a\\134b: not a name"},
		{"layout=private,uid=1", "uid=, gid=, mode=: "},
		{"layout=shared,modes=owner", "modes=: layout=shared keeps all modes"},
	};
	struct spool_options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[512] = "", want[128];

		CU_ASSERT_EQUAL(parse(&roots, bad[i][0], &options, line, sizeof(line)), -EINVAL);
		snprintf(want, sizeof(want), "spoolfs: %s", bad[i][1]);
		CU_ASSERT_EQUAL(strncmp(line, want, strlen(want)), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, "(allowed: "));
		CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

/* What a test masks stands in the environment, and is no option. */
static void test_masks(void)
{
	char line[512] = "";
	FILE *errors = fmemopen(line, sizeof(line), "w");
	unsigned int mask = 1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(errors);
	CU_ASSERT_EQUAL(spool_feature_mask("", errors, &mask), 0);
	CU_ASSERT_EQUAL(mask, 0);
	CU_ASSERT_EQUAL(spool_feature_mask("lseek+idmap", errors, &mask), 0);
	CU_ASSERT_EQUAL(mask, SPOOL_FEATURE_LSEEK | SPOOL_FEATURE_IDMAP);
	CU_ASSERT_EQUAL(spool_feature_mask("uring+lsee", errors, &mask), -EINVAL);
	CU_ASSERT_EQUAL(mask, SPOOL_FEATURE_LSEEK | SPOOL_FEATURE_IDMAP);
	fclose(errors);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(line, "SPOOLFS_MASK=lsee: unknown feature (allowed: tmpfile+"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "+idmap+xattr+epoch)\n"));
}

static void test_refusals_are_one_line(void)
{
	static const struct {
		const char *list, *shown;
	} table[] = {
		{"size=1\n2", "spoolfs: size=1\\0122: not a number"},
		{"no\n\x1b[31mpe", "spoolfs: no\\012\\033[31mpe: unknown option"},
		{"ram=\xc2\x9b"
		 "1m\x7f",
		 "spoolfs: ram=\\302\\2331m\\177: not a number"},
		{"mode=\xc3\xa4\xff", "spoolfs: mode=\xc3\xa4\\377: not a mode"},
		{"mode=\x9b[31m\\", "spoolfs: mode=\\233[31m\\134: not a mode"},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(table); i++) {
		struct spool_options options;
		char line[256] = "";

		CU_ASSERT_EQUAL(parse(&roots, table[i].list, &options, line, sizeof(line)),
				-EINVAL);
		CU_ASSERT_EQUAL(strncmp(line, table[i].shown, strlen(table[i].shown)), 0);
		CU_ASSERT_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

static void test_users_cannot_have_private(void)
{
	struct spool_options options;
	char line[256] = "";

	CU_ASSERT_EQUAL(parse(&users, "layout=private", &options, line, sizeof(line)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "layout=private"));
	CU_ASSERT_EQUAL(parse(&users, "layout=shared,mode=0775", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(options.config.root_mode, 0775);
	CU_ASSERT_EQUAL(parse(&users, "mode=0775", &options, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(options.config.root_mode, 0700); /* single is one user's */
}

static void test_lifetimes_refused(void)
{
	static const char *const bad[][2] = {
		{"lifetime=ever", "lifetime=ever: unknown lifetime"},
		{"session=process", "session=process: unknown kind of session"},
		{"linger=x", "linger=x: not a time"},
		{"linger=86401", "linger=86401: out of range"},
		{"grace=soon", "grace=soon: not a time"},
		{"grace=-1", "grace=-1: not a time"},
		{"grace=3000000000", "grace=3000000000: out of range"},
	};
	struct spool_options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[256] = "";

		CU_ASSERT_EQUAL(parse(&roots, bad[i][0], &options, line, sizeof(line)), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, bad[i][1]));
		CU_ASSERT_PTR_NOT_NULL(strstr(line, "(allowed: "));
	}
}

static void test_lifetimes(void)
{
	struct spool_options now, then;
	char line[256] = "";

	CU_ASSERT_EQUAL(parse(&roots, "layout=shared", &now, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(now.config.lifetime, SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(spool_options_change(&now, "lifetime=session", &then, stderr), 0);
	CU_ASSERT_EQUAL(then.config.lifetime, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_options_change(&then, "session=cgroup", &now, stderr), 0);
	CU_ASSERT_EQUAL(now.config.lifetime, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(now.session, SPOOL_SESSION_BY_CGROUP);
	CU_ASSERT_EQUAL(now.config.linger_ms, 2000);
	CU_ASSERT_EQUAL(spool_options_change(&now, "linger=1d", &then, stderr), 0);
	CU_ASSERT_EQUAL(then.config.linger_ms, SPOOL_LINGER_MAX_MS);
	CU_ASSERT_EQUAL(spool_options_change(&now, "lifetime=close", &then, stderr), 0);
	CU_ASSERT_EQUAL(then.config.lifetime, SPOOL_LIFETIME_CLOSE);
	CU_ASSERT_EQUAL(spool_options_change(&now, "grace=2m", &then, stderr), 0);
	CU_ASSERT_EQUAL(then.grace, 120);
	CU_ASSERT_EQUAL(then.session, SPOOL_SESSION_BY_CGROUP);
	CU_ASSERT_EQUAL(
		parse(&users, "lifetime=mount,session=none,grace=0", &now, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(now.config.lifetime, SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(now.session, SPOOL_SESSION_BY_NONE);
	CU_ASSERT_EQUAL(now.grace, 0);
}

static void test_change(void)
{
	struct spool_options now, then;
	char line[256] = "";
	FILE *errors = fmemopen(line, sizeof(line), "w");

	CU_ASSERT_EQUAL(parse(&roots, "ram=1G,user_ram=50%", &now, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(spool_options_change(&now, "ram=2G", &then, errors), 0);
	CU_ASSERT_EQUAL(then.config.limits.mount[SPOOL_RES_RAM], 2 * GIB);
	CU_ASSERT_EQUAL(then.config.limits.user[SPOOL_RES_RAM], GIB);   /* a share follows */
	CU_ASSERT_EQUAL(then.config.limits.mount[SPOOL_RES_SIZE], GIB); /* a default does not */
	CU_ASSERT_EQUAL(now.config.limits.mount[SPOOL_RES_RAM], GIB);
	CU_ASSERT_EQUAL(spool_options_change(&now, "layout=single", &then, errors), -EINVAL);
	CU_ASSERT_EQUAL(spool_options_change(&now, "layout=private", &then, errors), 0);
	CU_ASSERT_EQUAL(spool_options_change(&now, "noexec", &then, errors), -EINVAL);
	CU_ASSERT_EQUAL(spool_options_change(&now, "exec", &then, errors), 0);
	CU_ASSERT_EQUAL(spool_options_change(&now, "fsname=spoolfs", &then, errors), 0);
	CU_ASSERT_PTR_EQUAL(then.source, now.source);
	CU_ASSERT_EQUAL(spool_options_change(&now, "fsname=other", &then, errors), -EINVAL);
	CU_ASSERT_EQUAL(spool_options_change(&now, "ram=0", &then, errors), -EINVAL);
	CU_ASSERT_EQUAL(spool_options_change(&now, "", &then, errors), -EINVAL);
	fclose(errors);
}

static void test_detach(void)
{
	static const struct {
		const char *option;
		uint32_t seconds;
	} good[] = {{"detach=0", 0},
		    {"detach=7s", 7},
		    {"detach=2h", 7200},
		    {"detach=2147483647", INT32_MAX},
		    {"detach=never", SPOOL_DETACH_NEVER}};
	static const char *const bad[] = {"detach=soon", "detach=-1", "detach=2147483648",
					  "detach=1.5",  "detach=",   "detach"};
	struct spool_options options, then;
	char line[256] = "";
	FILE *errors = fmemopen(line, sizeof(line), "w");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(parse(&roots, good[i].option, &options, line, sizeof(line)), 0);
		CU_ASSERT_EQUAL(options.detach, good[i].seconds);
		CU_ASSERT_EQUAL(spool_options_change(&options, "detach=3", &then, errors), 0);
		CU_ASSERT_EQUAL(then.detach, 3);
		CU_ASSERT_EQUAL(spool_options_change(&then, good[i].option, &then, errors), 0);
		CU_ASSERT_EQUAL(then.detach, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(spool_options_change(&options, bad[i], &then, errors), -EINVAL);
	fclose(errors);
}

/* A share of the backing filesystem is reckoned without asking it, which might not answer. */
static void test_change_without_disk(void)
{
	struct spool_options now, then;
	char line[256] = "";
	FILE *errors = fmemopen(line, sizeof(line), "w");

	CU_ASSERT_EQUAL(parse(&roots, "ram=1G,backing=none", &now, line, sizeof(line)), 0);
	now.backing_fd = INT_MAX; /* it fails whatever it is asked */
	now.backing_total = 100 * GIB;
	CU_ASSERT_EQUAL(spool_options_change(&now, "reserve=7%", &then, errors), 0);
	CU_ASSERT_EQUAL(then.reserve, 7 * GIB);
	CU_ASSERT_EQUAL(spool_options_change(&then, "ram=2G", &then, errors), 0);
	CU_ASSERT_EQUAL(then.reserve, 7 * GIB);
	CU_ASSERT_EQUAL(then.config.limits.mount[SPOOL_RES_SIZE],
			now.config.limits.mount[SPOOL_RES_SIZE]);
	fclose(errors);
}

static int note(void *arg, const char *option)
{
	strcat(arg, option);
	strcat(arg, "|");
	return 0;
}

/* mount(8) hands over all that is in fstab and what the kernel shows, with what is to change. */
static void test_remount(void)
{
	char program[] = "spoolfs", o[] = "-o", source[] = "spoolfs", dir[] = "/mnt", got[256] = "";
	char list[] = "rw,nosuid,nodev,user_id=0,group_id=0,default_permissions,allow_other,"
		      "x-systemd.automount,noatime,noexec,remount,size=2G,threshold=none,nosuch=1";
	char *argv[] = {program, o, list, source, dir, NULL};

	CU_ASSERT_EQUAL(spool_options_remount(5, argv, note, got), 0);
	CU_ASSERT_STRING_EQUAL(got, "allow_other|noexec|size=2G|threshold=none|nosuch=1|");
}

/* What stands in front of the word is passed on, too, also of a list that another one follows. */
static void test_remount_in_lists(void)
{
	char program[] = "spoolfs", o[] = "-o", dir[] = "/mnt", got[256] = "";
	char first[] = "size=2G,ram=1G", second[] = "remount,user_size=50%";
	char *argv[] = {program, o, first, o, second, dir, NULL};
	struct spool_options options;
	FILE *errors = tmpfile();

	CU_ASSERT_EQUAL(spool_options_parse(6, argv, &roots, &options, errors), 0);
	CU_ASSERT_EQUAL(options.action, SPOOL_ACTION_REMOUNT);
	CU_ASSERT_STRING_EQUAL(options.mountpoint, "/mnt");
	CU_ASSERT_EQUAL(spool_options_remount(6, argv, note, got), 0);
	CU_ASSERT_STRING_EQUAL(got, "size=2G|ram=1G|user_size=50%|");
	fclose(errors);
}

static void test_numbers_name_their_range(void)
{
	static const char *const bad[][2] = {
		{"ram=x", "BYTES|PERCENT%, 1M or more, 1% to 100%"},
		{"size=0", "BYTES|PERCENT%, 1M or more, 1% to 100%"},
		{"nr_inodes=9e", "COUNT, 4 or more"},
		{"user_size=101%", "BYTES|PERCENT%, 4K or more, 1% to 100%"},
		{"user_inodes=0%", "COUNT|PERCENT%, 2 or more, 1% to 100%"},
		{"user_ram=-1", "BYTES|PERCENT%, 4K or more, 1% to 100%"},
		{"uid=4294967295", "UID, 0 to 4294967294"},
		{"gid=x", "GID, 0 to 4294967294"},
		{"mode=8", "OCTAL, 0 to 7777"},
		{"threshold=9e", "BYTES|none, less than 8E"},
		{"reserve=101%", "BYTES|PERCENT%, less than 8E, 0% to 100%"},
		{"linger=25h", "SECONDS, 0 to 1d"},
		{"grace=24856d", "SECONDS, 0 to 24855d"},
		{"detach=x", "SECONDS|never, 0 to 24855d"},
	};
	struct spool_options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[512] = "", want[128];

		CU_ASSERT_EQUAL(parse(&roots, bad[i][0], &options, line, sizeof(line)), -EINVAL);
		snprintf(want, sizeof(want), "(allowed: %s)\n", bad[i][1]);
		CU_ASSERT_PTR_NOT_NULL(strstr(line, want));
	}
}

static const struct unit_test tests[] = {
	{"defaults", test_defaults},
	{"single", test_single},
	{"amounts", test_amounts},
	{"modes", test_modes},
	{"masks", test_masks},
	{"refusals", test_refusals},
	{"refusals are one line", test_refusals_are_one_line},
	{"users_cannot_have_private", test_users_cannot_have_private},
	{"lifetimes", test_lifetimes},
	{"lifetimes refused", test_lifetimes_refused},
	{"change", test_change},
	{"detach", test_detach},
	{"change without disk", test_change_without_disk},
	{"remount", test_remount},
	{"remount in lists", test_remount_in_lists},
	{"numbers_name_their_range", test_numbers_name_their_range},
};

int main(void)
{
	return unit_run("options", tests, sizeof(tests) / sizeof(tests[0]));
}
