/* SPDX-License-Identifier: MIT */

/*
 * Requests that found no room: which of them are tried again at once, which wait, and which are
 * answered. The moments between a refusal and the look at what is still to come are the point.
 */

#include <errno.h>

#include "channel.h"
#include "engine_rig.h"
#include "fs.h"
#include "park.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_fs fs;

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	fs = (struct spool_fs){.engine = rig.engine};
	CU_ASSERT_EQUAL_FATAL(spool_park_new(&fs, &fs.park), 0);
}

static void end(void)
{
	spool_park_stop(fs.park);
	spool_park_free(fs.park);
	engine_rig_fini(&rig);
}

static uint64_t removed_file(void)
{
	uint64_t ino = rig_file(&rig, ROOT, "f");

	rig_write(&rig, ino, "data");
	CU_ASSERT_EQUAL(spool_engine_unlink(rig.engine, &rig.cred, ROOT, "f"), 0);
	return ino;
}

/* As spool_channel_process() begins an attempt. */
static void attempt(struct spool_message *message)
{
	message->again = false;
	message->returned = spool_engine_returned(rig.engine);
}

static void test_answers(void)
{
	struct spool_message message = {.uid = 1000};

	start();
	attempt(&message);
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, 0));
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, -ENOENT));
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, -ENOSPC)); /* nothing is to come */
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, -EDQUOT));
	CU_ASSERT_FALSE(spool_park_wants(NULL, &message, -ENOSPC));
	CU_ASSERT_FALSE(message.again);
	end();
}

static void test_room_that_came_meanwhile(void)
{
	struct spool_message message = {.uid = 1000};
	uint64_t ino;

	start();
	ino = removed_file();
	attempt(&message); /* and refused; only now the file goes */
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_EQUAL(spool_engine_nameless(rig.engine), 0);
	CU_ASSERT_TRUE(spool_park_wants(fs.park, &message, -ENOSPC));
	CU_ASSERT_TRUE(message.again);
	CU_ASSERT_EQUAL(message.deadline, 0); /* it has no place */
	attempt(&message);
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, -ENOSPC));
	end();
}

static void test_room_that_is_taken_now(void)
{
	struct spool_message message = {.uid = 1000};
	uint64_t ino;

	start();
	ino = removed_file(); /* the kernel has not forgotten it yet */
	attempt(&message);
	CU_ASSERT_TRUE(spool_park_wants(fs.park, &message, -EDQUOT));
	CU_ASSERT_TRUE(message.again);
	attempt(&message); /* that was not enough: the rest comes when it is forgotten */
	CU_ASSERT_TRUE(spool_park_wants(fs.park, &message, -EDQUOT));
	CU_ASSERT_FALSE(message.again);
	CU_ASSERT_NOT_EQUAL(message.deadline, 0);
	message.deadline = 1; /* long ago */
	CU_ASSERT_FALSE(spool_park_wants(fs.park, &message, -EDQUOT));
	spool_engine_forget(rig.engine, ino, 1);
	end();
}

/* Somebody else is always faster: it ends all the same, and then it waits for its turn. */
static void test_not_for_ever(void)
{
	struct spool_message message = {.uid = 1000};
	unsigned int n = 0;

	start();
	do {
		uint64_t ino = removed_file();

		attempt(&message);
		spool_engine_forget(rig.engine, ino, 1);
		CU_ASSERT_TRUE(spool_park_wants(fs.park, &message, -ENOSPC));
	} while (message.again && ++n < 100);
	CU_ASSERT_EQUAL(n, 8);
	CU_ASSERT_NOT_EQUAL(message.deadline, 0);
	end();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"answers", test_answers},
		{"room that came meanwhile", test_room_that_came_meanwhile},
		{"room that is taken now", test_room_that_is_taken_now},
		{"not for ever", test_not_for_ever},
	};

	return unit_run("park", tests, SPOOL_ARRAY_SIZE(tests));
}
