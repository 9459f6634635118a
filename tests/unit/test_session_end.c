/* SPDX-License-Identifier: MIT */

/* What goes when a session has ended, and what stays. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/session.h"
#include "life/sessions.h"
#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static struct spool_attr attr;
static bool own;

static void set_up(enum spool_layout layout, enum spool_lifetime lifetime)
{
	life_rig_init(&life, layout, lifetime);
}

/* A file has the session of who makes it, or of its directory; rename and link change nothing. */
static void test_inherit(void)
{
	uint64_t dir, file, other;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	file = life_file(&life, 2, dir, "two");
	other = life_file(&life, 0, dir, "unknown");
	CU_ASSERT_EQUAL(life_of(&life, file).session, 2);
	CU_ASSERT_EQUAL(life_of(&life, other).session, 1);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 0, ROOT, "nobody")).session, 0);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, dir, &own), 1);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, file, &own), 0);
	rig->cred.session = 3;
	CU_ASSERT_EQUAL(spool_engine_link(rig->engine, &rig->cred, file, ROOT, "link", &attr), 0);
	CU_ASSERT_EQUAL(spool_engine_rename(rig->engine, &rig->cred, dir, "two", ROOT, "new", 0),
			0);
	CU_ASSERT_EQUAL(life_of(&life, file).session, 2);
	CU_ASSERT_EQUAL(life.counted[1], 2);
	CU_ASSERT_EQUAL(life.counted[2], 1);
	CU_ASSERT_EQUAL(life.counted[3], 0);
	CU_ASSERT_EQUAL(life.woken, 0);
	CU_ASSERT_EQUAL(life_end(&life, 2), 2); /* both names */
	CU_ASSERT_EQUAL(life.woken, 1);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "link"), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "new"), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, dir, "unknown"), other);
	CU_ASSERT_EQUAL(life.counted[2], 0);
	CU_ASSERT_EQUAL(life_stat(&life).removed, 2);
	CU_ASSERT_EQUAL(life_stat(&life).sessions, 1);
	engine_rig_fini(rig);
}

/* An O_TMPFILE file has the session of who links it. */
static void test_tmpfile(void)
{
	uint64_t file;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	rig->cred.session = 1;
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig->engine, &rig->cred, ROOT, 0600, &attr), 0);
	file = attr.ino;
	CU_ASSERT_EQUAL(life_of(&life, file).session, 0);
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	rig->cred.session = 2;
	CU_ASSERT_EQUAL(spool_engine_link(rig->engine, &rig->cred, file, ROOT, "file", &attr), 0);
	CU_ASSERT_EQUAL(life_of(&life, file).session, 2);
	CU_ASSERT_EQUAL(life_end(&life, 2), 1);
	spool_engine_release(rig->engine, file);
	engine_rig_fini(rig);
}

/* What is open loses its names at once, and its data with the last close. */
static void test_open(void)
{
	char buf[8] = "";
	uint64_t file;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	file = life_file(&life, 1, ROOT, "file");
	rig_write(rig, file, "data");
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, file, 0), 0);
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	CU_ASSERT_EQUAL(rig_attr(rig, file).nlink, 0);
	CU_ASSERT_EQUAL(spool_engine_read(rig->engine, file, buf, sizeof(buf), 0, 0), 4);
	CU_ASSERT_STRING_EQUAL(buf, "data");
	/* by the descriptor, as /proc/self/fd; and by a name that the kernel takes for good */
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, file, 0), 0);
	spool_engine_release(rig->engine, file);
	spool_engine_release(rig->engine, file);
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, file, 0), -ESTALE);
	spool_engine_forget(rig->engine, file, 1);
	CU_ASSERT_EQUAL(spool_engine_getattr(rig->engine, file, &attr), -ESTALE);
	engine_rig_fini(rig);
}

/* The names of what was removed are told. */
static void test_told(void)
{
	struct spool_removed removed[2];
	uint64_t dir, file, ms;
	size_t n;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	file = life_file(&life, 1, dir, "file");
	spool_engine_session_end(rig->engine, 1);
	CU_ASSERT_EQUAL(spool_engine_reap(rig->engine, removed, 1, &n, &ms), SPOOL_REAP_MORE);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_EQUAL(removed[0].parent, dir);
	CU_ASSERT_EQUAL(removed[0].ino, file);
	CU_ASSERT_EQUAL(removed[0].len, 4);
	CU_ASSERT_STRING_EQUAL(removed[0].name, "file");
	CU_ASSERT_EQUAL(spool_engine_reap(rig->engine, removed, 2, &n, &ms), SPOOL_REAP_NOTHING);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_EQUAL(removed[0].parent, ROOT);
	CU_ASSERT_EQUAL(removed[0].ino, dir);
	engine_rig_fini(rig);
}

/* A session goes until the kernel has been told of all its names, and of no other's. */
static void test_goes_until_told(void)
{
	struct spool_removed removed[3];
	uint64_t ms;
	size_t n;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_file(&life, 1, ROOT, "mine");
	life_file(&life, 1, ROOT, "mine too");
	life_file(&life, 2, ROOT, "another's");
	spool_engine_session_end(rig->engine, 2);
	spool_engine_reap(rig->engine, removed, 3, &n, &ms);
	CU_ASSERT_EQUAL_FATAL(n, 1); /* and is told of at the end */
	CU_ASSERT_EQUAL(removed[0].untold.session, 2);
	CU_ASSERT_FALSE(spool_engine_session_goes(rig->engine, 1));
	spool_engine_session_end(rig->engine, 1);
	spool_engine_reap(rig->engine, &removed[1], 2, &n, &ms);
	CU_ASSERT_EQUAL_FATAL(n, 2);
	spool_engine_told(rig->engine, &removed[1].untold);
	CU_ASSERT_TRUE(spool_engine_session_goes(rig->engine, 1));
	spool_engine_told(rig->engine, &removed[2].untold);
	CU_ASSERT_FALSE(spool_engine_session_goes(rig->engine, 1));
	CU_ASSERT_TRUE(spool_engine_session_goes(rig->engine, 2));
	CU_ASSERT_EQUAL(life_stat(&life).sessions, 1);
	CU_ASSERT_EQUAL(life.counted[2], 0);
	spool_engine_told(rig->engine, &removed[0].untold);
	CU_ASSERT_EQUAL(life_stat(&life).sessions, 0);
	spool_engine_told(rig->engine, &(struct spool_untold){.session = 0});
	engine_rig_fini(rig);
}

/* What nobody tells any more at the end of the mount is given back. */
static void test_never_told(void)
{
	struct spool_removed removed;
	uint64_t ms;
	size_t n;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_file(&life, 1, ROOT, "a");
	life_file(&life, 1, ROOT, "b");
	spool_engine_session_end(rig->engine, 1);
	spool_engine_reap(rig->engine, &removed, 1, &n, &ms);
	CU_ASSERT_EQUAL(n, 1);
	engine_rig_fini(rig);
}

/* A directory that holds what lives longer stays, and goes when that has gone. */
static void test_waits(void)
{
	uint64_t dir, sub;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	sub = life_dir(&life, 1, dir, "sub");
	life_file(&life, 1, sub, "one");
	life_file(&life, 2, sub, "two");
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	CU_ASSERT_EQUAL(life_stat(&life).waiting, 2);
	CU_ASSERT_STRING_EQUAL(life_of(&life, sub).waits_for, "two");
	CU_ASSERT_TRUE(life_of(&life, sub).ended);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, sub, &own), 0);
	/* what is made there now is no part of what has ended */
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 0, sub, "late")).session, 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_end(&life, 2), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, dir, "sub"), sub);
	CU_ASSERT_EQUAL(spool_engine_unlink(rig->engine, &rig->cred, sub, "late"), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 2);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "dir"), 0);
	CU_ASSERT_EQUAL(life_stat(&life).waiting, 0);
	CU_ASSERT_EQUAL(life_stat(&life).sessions, 0);
	engine_rig_fini(rig);
}

/* One that is moved out of it is a name less as well, and so is one that is renamed over. */
static void test_waits_for_rename(void)
{
	uint64_t dir;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	life_file(&life, 2, dir, "two");
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	CU_ASSERT_EQUAL(spool_engine_rename(rig->engine, &rig->cred, dir, "two", ROOT, "two", 0),
			0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "dir"), 0);
	CU_ASSERT_NOT_EQUAL(rig_ino(rig, ROOT, "two"), 0);
	engine_rig_fini(rig);
}

/* What stays until the mount ends is handed down, and nothing of a session's end. */
static void test_mount(void)
{
	uint64_t file;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_MOUNT);
	file = life_file(&life, 1, ROOT, "file");
	CU_ASSERT_EQUAL(life_of(&life, file).lifetime, SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(life_of(&life, file).session, 1);
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "file"), file);
	engine_rig_fini(rig);
}

#define DEPTH 1000

static void test_deep(void)
{
	uint64_t dir = ROOT;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	for (int i = 0; i < DEPTH; i++) {
		dir = life_dir(&life, 1, dir, "d");
		CU_ASSERT_EQUAL(spool_engine_setattr(rig->engine, &rig->cred, dir, SPOOL_SET_MODE,
						     &(struct spool_attr){.mode = 0500}, &attr),
				0);
	}
	life_file(&life, 1, dir, "file");
	CU_ASSERT_EQUAL(life_end(&life, 1), DEPTH + 1);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "d"), 0);
	engine_rig_fini(rig);
}

/* Upside down: what was made first lies deepest. */
static void test_moved(void)
{
	uint64_t inner, outer;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	inner = life_dir(&life, 1, ROOT, "inner");
	life_file(&life, 1, inner, "file");
	outer = life_dir(&life, 1, ROOT, "outer");
	CU_ASSERT_EQUAL(
		spool_engine_rename(rig->engine, &rig->cred, ROOT, "inner", outer, "inner", 0), 0);
	CU_ASSERT_EQUAL(life_end(&life, 1), 3);
	engine_rig_fini(rig);
}

#define WIDTH 100000

static void test_wide(void)
{
	char name[16];

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	for (int i = 0; i < WIDTH; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		spool_engine_forget(rig->engine, life_file(&life, 1, ROOT, name), 1);
	}
	CU_ASSERT_EQUAL(life_end(&life, 1), WIDTH);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	CU_ASSERT_TRUE(spool_engine_free(rig->engine));
}

/* Two that end together take turns. */
static void test_turns(void)
{
	struct spool_removed removed[4];
	uint64_t ms;
	size_t n;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	for (int i = 0; i < 8; i++)
		life_file(&life, 1, ROOT, (char[]){'a', (char)('0' + i), 0});
	life_file(&life, 2, ROOT, "b");
	spool_engine_session_end(rig->engine, 1);
	spool_engine_session_end(rig->engine, 2);
	CU_ASSERT_EQUAL(life_stat(&life).ended, 2);
	CU_ASSERT_EQUAL(spool_engine_reap(rig->engine, removed, 4, &n, &ms), SPOOL_REAP_MORE);
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "b"), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 5);
	engine_rig_fini(rig);
}

/* A uid's directory stays, and so does the self link. */
static void test_private(void)
{
	uint64_t top;

	set_up(SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	rig->cred.session = 1;
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1000", &attr), 0);
	top = attr.ino;
	CU_ASSERT_EQUAL(life_of(&life, top).session, 0);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 1, top, "file")).session, 1);
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "1000"), top);
	CU_ASSERT_NOT_EQUAL(rig_ino(rig, ROOT, "self"), 0);
	engine_rig_fini(rig);
}

/* For a live mount: what is made later is another's, what there is stays. */
static void test_default_lifetime(void)
{
	static const enum spool_layout layouts[] = {SPOOL_LAYOUT_PRIVATE, SPOOL_LAYOUT_SINGLE};
	uint64_t top, old, later, session = 9;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(layouts); i++) {
		set_up(layouts[i], SPOOL_LIFETIME_MOUNT);
		top = ROOT;
		if (layouts[i] == SPOOL_LAYOUT_PRIVATE &&
		    spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1000", &attr) == 0)
			top = attr.ino;
		CU_ASSERT_FALSE(spool_engine_asks_session(rig->engine, top, &session, &own));
		CU_ASSERT_EQUAL(session, 9);
		old = life_file(&life, 1, top, "old");
		spool_engine_set_default_lifetime(rig->engine, SPOOL_LIFETIME_SESSION);
		CU_ASSERT_TRUE(spool_engine_asks_session(rig->engine, top, &session, &own));
		CU_ASSERT_EQUAL(session, 0);
		later = life_dir(&life, 1, top, "later");
		CU_ASSERT_TRUE(spool_engine_asks_session(rig->engine, later, &session, &own));
		CU_ASSERT_EQUAL(session, 1);
		CU_ASSERT_TRUE(own);
		CU_ASSERT_FALSE(spool_engine_asks_session(rig->engine, old, &session, &own));
		CU_ASSERT_EQUAL(life_of(&life, old).lifetime, SPOOL_LIFETIME_MOUNT);
		CU_ASSERT_EQUAL(life_end(&life, 1), 1);
		session = 9;
		engine_rig_fini(rig);
	}
}

/* The memory of a session is its first maker's. */
static void test_charged(void)
{
	uint64_t before;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	before = rig_used(rig, 1000, SPOOL_RES_RAM);
	life_file(&life, 1, ROOT, "a");
	CU_ASSERT_EQUAL(rig_used(rig, 1000, SPOOL_RES_RAM) - before,
			spool_node_bytes(S_IFREG) + spool_entry_bytes(1) + engine_session_bytes());
	life_file(&life, 1, ROOT, "b");
	CU_ASSERT_EQUAL(rig_used(rig, 1000, SPOOL_RES_RAM) - before,
			2 * spool_node_bytes(S_IFREG) + 2 * spool_entry_bytes(1) +
				engine_session_bytes());
	CU_ASSERT_EQUAL(life_end(&life, 1), 2);
	engine_rig_fini(rig);
}

/* Each allocation of what makes a session fails once: nothing has changed then. What removes asks
 * for none. */
static void test_no_memory(void)
{
	uint64_t used;
	int r;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	rig->cred.session = 1;
	used = rig_used(rig, 1000, SPOOL_RES_RAM);
	for (long nth = 1; rig->host.fired || nth == 1; nth++) {
		fault_host_arm(&rig->host, nth, false);
		r = spool_engine_mkdir(rig->engine, &rig->cred, ROOT, "dir", 0700, &attr);
		if (!rig->host.fired)
			break;
		CU_ASSERT_EQUAL(r, -ENOMEM);
		CU_ASSERT_EQUAL(rig_used(rig, 1000, SPOOL_RES_RAM), used);
		CU_ASSERT_EQUAL(life_stat(&life).sessions, 0);
	}
	fault_host_arm(&rig->host, 0, false);
	CU_ASSERT_EQUAL(r, 0);
	life_file(&life, 1, attr.ino, "file");
	fault_host_arm(&rig->host, 1, true);
	CU_ASSERT_EQUAL(life_end(&life, 1), 2);
	fault_host_arm(&rig->host, 0, false);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "dir"), 0);
	engine_rig_fini(rig);
}

/* What is to stay does, whatever the session of its directory; but an explicit one covers it. */
static void test_stays(void)
{
	uint64_t dir, bound;

	set_up(SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	bound = life_dir(&life, 1, ROOT, "bound");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, bound, 2, NULL), 0);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, SPOOL_SESSION_STAYS, dir, "f")).session, 0);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, SPOOL_SESSION_STAYS, bound, "f")).session,
			2);
	spool_engine_session_end(rig->engine, 1);
	spool_engine_session_end(rig->engine, 2);
	CU_ASSERT_EQUAL(life_reap(&life), 2); /* and "bound" */
	CU_ASSERT_NOT_EQUAL(rig_ino(rig, dir, "f"), 0);
	engine_rig_fini(rig);
}

/* Where a session within another has ended, the outer one goes on, far below as well. */
static void test_nested(void)
{
	uint64_t outer, inner, sub, deep;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	outer = life_dir(&life, 1, ROOT, "outer");
	inner = life_dir(&life, 1, outer, "inner");
	sub = life_dir(&life, 1, inner, "sub");
	deep = life_dir(&life, 1, sub, "deep");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, outer, 2, NULL), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, inner, 3, NULL), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, sub, 4, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, deep, &own), 4);
	spool_engine_session_end(rig->engine, 3);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, inner, &own), 2);
	CU_ASSERT_FALSE(own);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, sub, &own), 4);
	spool_engine_session_end(rig->engine, 4);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, deep, &own), 2);
	CU_ASSERT_FALSE(own);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 1, deep, "f")).session, 2);
	spool_engine_session_end(rig->engine, 2);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, deep, &own), 1);
	CU_ASSERT_TRUE(own);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"inherit", test_inherit},
		{"O_TMPFILE", test_tmpfile},
		{"open", test_open},
		{"told", test_told},
		{"goes until told", test_goes_until_told},
		{"never told", test_never_told},
		{"waits", test_waits},
		{"waits for a rename", test_waits_for_rename},
		{"mount", test_mount},
		{"deep", test_deep},
		{"moved", test_moved},
		{"nested", test_nested},
		{"stays", test_stays},
		{"wide", test_wide},
		{"turns", test_turns},
		{"private", test_private},
		{"charged", test_charged},
		{"no memory", test_no_memory},
		{"default lifetime", test_default_lifetime},
	};

	return unit_run("session_end", tests, SPOOL_ARRAY_SIZE(tests));
}
