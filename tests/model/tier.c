/* SPDX-License-Identifier: MIT */

/*
 * A disk beside the RAM: between operations, data go there at random. To the model nothing of it
 * may show. With faults, the disk fails at random, and what then fails may have changed nothing.
 */

#include <errno.h>
#include <sys/stat.h>

#include "engine/ahead.h"
#include "fault_backing.h"
#include "run.h"

static struct fault_backing disk;
static struct spool_batch *batch;

static void nothing(void *ctx)
{
	(void)ctx;
}

static void no_answer(void *ctx, uint64_t id, int result)
{
	(void)ctx;
	(void)id;
	(void)result;
}

static void during(void *ctx)
{
	meanwhile(ctx);
}

void tier_config(struct run *run, struct spool_tier_config *ret)
{
	static const uint64_t thresholds[] = {0, 8192, 3 * MODEL_BLOCK, UINT64_MAX};

	fault_backing_init(&disk);
	disk.during = during;
	disk.during_ctx = run;
	*ret = (struct spool_tier_config){
		.backing = &disk.backing,
		.encrypt = run_random(run, 2),
		.threshold = thresholds[run_random(run, 4)],
		.max_files = 16,
		.wake = nothing,
		.hurry = nothing,
		.ram_free = nothing,
		.spilled = no_answer,
	};
}

void tier_start(struct run *run)
{
	CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(run->engine, &batch), 0);
}

void tier_stop(struct run *run)
{
	(void)run;
	spool_engine_free_batch(batch);
}

void tier_end(void)
{
	CU_ASSERT_EQUAL(disk.live, 0);
	CU_ASSERT_EQUAL(disk.bytes, 0);
	fault_backing_fini(&disk);
}

/* Some of the calls to the disk fail from now on. */
static void arm(struct run *run)
{
	static const int errors[] = {-EIO, -ENOSPC};

	for (int kind = 0; kind < FAULT_CLOSE; kind++) {
		bool on = run->oom && run_random(run, 6) == 0;

		fault_backing_arm(&disk, (enum fault_call)kind,
				  on ? 1 + (long)run_random(run, 5) : 0, run_random(run, 2),
				  errors[run_random(run, 2)]);
	}
}

/* What is on the disk is somebody's. */
static void check_owners(struct run *run)
{
	struct spool_tier_stat stat;
	struct spool_usage usage;
	uint64_t sum = 0, next = 0;
	uid_t uid;

	for (; spool_engine_next_user(run->engine, next, &uid, &usage); next = (uint64_t)uid + 1)
		sum += usage.disk;
	if (spool_engine_tier_stat(run->engine, &stat) && sum != stat.stored)
		run_fail(run, "users have %llu bytes on the disk, of %llu", (unsigned long long)sum,
			 (unsigned long long)stat.stored);
}

/* Blocks of a file are to be read ahead, and some are. */
static void ahead(struct run *run, uint64_t ino)
{
	struct spool_node *node = engine_get(run->engine, ino);
	uint64_t from = run_random(run, 6) * MODEL_BLOCK;

	if (node && S_ISREG(node->type) && node->file)
		engine_ahead_want(
			run->engine, node,
			(struct spool_ahead_range){from, from + run_random(run, 6) * MODEL_BLOCK});
	engine_put(run->engine, node);
	for (uint64_t n = run_random(run, 3); n > 0; n--)
		spool_engine_read_ahead(run->engine);
}

void tier_turn(struct run *run)
{
	uint64_t ino = run_node(run, S_IFREG);

	arm(run);
	run->may_meet = true;
	for (uint64_t n = run_random(run, 8); n > 0; n--)
		spool_engine_spill(run->engine, batch);
	run->may_meet = false;
	if (run_random(run, 8) == 0)
		spool_engine_ask_spill(run->engine, ino, 1);
	if (run_random(run, 3) == 0)
		ahead(run, run_node(run, S_IFREG));
	check_owners(run);
	check_usage_take(run, &run->before); /* RAM has become less, by records more */
	for (int kind = 0; kind < FAULT_CLOSE; kind++) {
		if (kind != FAULT_READ || !run->oom || run_random(run, 4))
			fault_backing_arm(&disk, (enum fault_call)kind, 0, false, 0);
	}
}

bool tier_fired(void)
{
	bool fired = disk.fired[FAULT_READ];

	fault_backing_arm(&disk, FAULT_READ, 0, false, 0);
	return fired;
}
