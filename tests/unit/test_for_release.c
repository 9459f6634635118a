/* SPDX-License-Identifier: MIT */

/*
 * Requests that found no room: which of them are tried again at once, which wait, and which are
 * answered. The moments between a refusal and the look at what is still to come are the point.
 */

#include <errno.h>
#include <pthread.h>

#include "transport/channel.h"
#include "engine_rig.h"
#include "fs.h"
#include "wait/for_release.h"
#include "transport/waitq.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_fs fs;
static struct spool_waitq *queue;

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	fs = (struct spool_fs){.engine = rig.engine};
	CU_ASSERT_EQUAL_FATAL(spool_for_release_new(&fs, &fs.for_release), 0);
	queue = spool_for_release_waitq(fs.for_release);
}

static void end(void)
{
	spool_for_release_stop(fs.for_release);
	spool_for_release_free(fs.for_release);
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
static void attempt(struct spool_request *request)
{
	queue->ops->begin(queue, request);
}

/* ...and shows the queue its answer. */
static bool wants(struct spool_request *request, int error)
{
	return queue->ops->wants(queue, request, error);
}

/* ...of one that counts what is free. */
static bool wants_count(struct spool_request *request)
{
	return wants(request, SPOOL_COUNT_FIRST);
}

/* ...and gives it to the queue, where it has a place from now on. */
static void take_place(struct spool_request *request)
{
	request->release.deadline = UINT64_MAX;
}

/* ...and asks what becomes of one that is wanted. */
static bool retry(struct spool_request *request)
{
	return queue->ops->retry(queue, request);
}

static void test_answers(void)
{
	struct spool_request request = {.payer = 1000};

	start();
	attempt(&request);
	CU_ASSERT_FALSE(wants(&request, 0));
	CU_ASSERT_FALSE(wants(&request, -ENOENT));
	CU_ASSERT_FALSE(wants(&request, -ENOSPC)); /* nothing is to come */
	CU_ASSERT_FALSE(wants(&request, -EDQUOT));
	CU_ASSERT_FALSE(retry(&request));
	end();
}

static void test_for_ram_that_came_meanwhile(void)
{
	struct spool_request request = {.payer = 1000};
	uint64_t ino;

	start();
	ino = removed_file();
	attempt(&request); /* and refused; only now the file goes */
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);
	CU_ASSERT_TRUE(wants(&request, -ENOSPC));
	CU_ASSERT_TRUE(retry(&request));
	attempt(&request);
	CU_ASSERT_FALSE(wants(&request, -ENOSPC));
	end();
}

static void test_for_ram_that_is_taken_now(void)
{
	struct spool_request request = {.payer = 1000};
	uint64_t ino;

	start();
	ino = removed_file(); /* the kernel has not forgotten it yet */
	attempt(&request);
	CU_ASSERT_TRUE(wants(&request, -EDQUOT));
	CU_ASSERT_TRUE(retry(&request));
	attempt(&request); /* that was not enough: the rest comes when it is forgotten */
	CU_ASSERT_TRUE(wants(&request, -EDQUOT));
	CU_ASSERT_FALSE(retry(&request));
	request.release.deadline = 1; /* long ago */
	CU_ASSERT_FALSE(wants(&request, -EDQUOT));
	spool_engine_forget(rig.engine, ino, 1);
	end();
}

/* Where a payer's own limit is reached, what others remove is no room for him. */
static void test_only_own_files_help_who_has_reached_his_limit(void)
{
	struct spool_request own = {.payer = 1000}, other = {.payer = 1001};
	uint64_t ino;

	start();
	ino = removed_file();
	spool_engine_drop_orphans(rig.engine); /* its inode stays until it is forgotten */
	CU_ASSERT_EQUAL(spool_engine_orphans_of(rig.engine, 1000), 1);
	CU_ASSERT_EQUAL(spool_engine_orphans_of(rig.engine, 1001), 0);
	attempt(&other);
	CU_ASSERT_FALSE(wants(&other, -EDQUOT));
	attempt(&own);
	CU_ASSERT_TRUE(wants(&own, -EDQUOT));
	attempt(&other);
	CU_ASSERT_TRUE(wants(&other, -ENOSPC)); /* the mount's is for all */
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_EQUAL(spool_engine_orphans_of(rig.engine, 1000), 0);
	end();
}

/* Somebody else is always faster: it ends all the same, and then it waits for its turn. */
static void test_not_for_ever(void)
{
	struct spool_request request = {.payer = 1000};
	unsigned int n = 0;

	start();
	do {
		uint64_t ino = removed_file();

		attempt(&request);
		spool_engine_forget(rig.engine, ino, 1);
		CU_ASSERT_TRUE(wants(&request, -ENOSPC));
	} while (retry(&request) && ++n < 100);
	CU_ASSERT_EQUAL(n, 8);
	end();
}

/* Who counts waits for what may be about to go, and takes the data of what has gone. */
static void test_counting(void)
{
	struct spool_request request = {.payer = 1000};
	struct spool_attr attr;
	uint64_t ino;

	start();
	attempt(&request);
	CU_ASSERT_FALSE(wants_count(&request));
	ino = removed_file();
	CU_ASSERT_TRUE(wants_count(&request));
	CU_ASSERT_EQUAL(spool_engine_getattr(rig.engine, ino, &attr), 0);
	CU_ASSERT_EQUAL(attr.blocks, 0);
	take_place(&request);
	CU_ASSERT_TRUE(wants_count(&request)); /* it is still there */
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_FALSE(wants_count(&request));
	end();
}

/* A file that somebody keeps holds others up for long only once. */
static void test_counting_what_is_kept(void)
{
	struct spool_request first = {.uid = 1000}, second = {.uid = 1000}, third = {.uid = 1000};
	uint64_t kept, other;

	start();
	kept = removed_file();
	CU_ASSERT_TRUE(wants_count(&first));
	CU_ASSERT_FALSE(first.release.kept);
	first.release.deadline = 1; /* long ago */
	CU_ASSERT_FALSE(wants_count(&first));

	CU_ASSERT_TRUE(wants_count(&second));
	CU_ASSERT_TRUE(second.release.kept);
	take_place(&second);
	CU_ASSERT_TRUE(wants_count(&second));

	other = removed_file();
	CU_ASSERT_TRUE(wants_count(&third));
	CU_ASSERT_FALSE(third.release.kept);
	take_place(&third);
	spool_engine_forget(rig.engine, other, 1);
	CU_ASSERT_FALSE(wants_count(&third)); /* the kept one alone */
	spool_engine_forget(rig.engine, kept, 1);
	CU_ASSERT_FALSE(wants_count(&second));
	end();
}

static void *gather(void *arg)
{
	(void)arg;
	queue->ops->gather(queue, UINT64_C(3600) * 1000000000);
	return NULL;
}

/* Whoever lets requests gather does not hold the end up. */
static void test_gathering(void)
{
	pthread_t thread;

	start();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, gather, NULL), 0);
	spool_for_release_stop(fs.for_release);
	pthread_join(thread, NULL);
	spool_for_release_free(fs.for_release);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"answers", test_answers},
		{"room that came meanwhile", test_for_ram_that_came_meanwhile},
		{"room that is taken now", test_for_ram_that_is_taken_now},
		{"only own files help who has reached his limit",
		 test_only_own_files_help_who_has_reached_his_limit},
		{"not for ever", test_not_for_ever},
		{"counting", test_counting},
		{"counting what is kept", test_counting_what_is_kept},
		{"gathering", test_gathering},
	};

	return unit_run("for_release", tests, SPOOL_ARRAY_SIZE(tests));
}
