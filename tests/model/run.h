/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A run: an engine, the model beside it, and a random sequence that a seed determines. An
 * operation begins with run_begin(), calls the engine, and hands the result to run_settle(),
 * which says whether it is one that the model can judge.
 */

#include "engine_rig.h"
#include "model.h"

#define RUN_LOG 30u
#define RUN_UIDS 4u
#define RUN_STREAMS 6u
#define RUN_SESSIONS 4u

/* Whoever acts or owns; 0 first */
extern const uid_t run_uids[RUN_UIDS];

/** struct run_usage - what is used, of the mount and of each uid */
struct run_usage {
	uint64_t mount[SPOOL_RES_N];
	uint64_t users[RUN_UIDS][SPOOL_RES_N];
};

/**
 * struct run_need - the most that an operation may come to need, and whose accounts may be asked:
 * only who is this near to a limit may be refused
 */
struct run_need {
	uint64_t amount[SPOOL_RES_N];
	uid_t payers[2];
};

struct run {
	struct engine_rig rig;
	struct spool_engine *engine;
	struct model *model;
	uint64_t rng;
	unsigned char *noise; /* MODEL_DATA random bytes */
	unsigned char *buf, *model_buf, *other_buf, *other_model_buf;
	struct spool_limits limits;
	struct run_usage baseline, before;
	uint64_t touched[2]; /* files whose contents may have changed */
	struct {
		uint64_t dir, cookie;
	} streams[RUN_STREAMS];          /* listings that are under way */
	uint64_t sessions[RUN_SESSIONS]; /* that go on */
	uint64_t last_session, n_reaped;
	int64_t counted[MODEL_SESSIONS]; /* inodes of each, as the engine has told */
	bool oom, tier, may_use_reserve, in_operation, fired;
	bool may_meet; /* others may come while the disk is at work: to the model they were first */
	bool meets;    /* what is under way is of these others */
	unsigned int flags; /* for the engine: how long it may wait */
	int64_t result;
	uint64_t step, n_ok, n_refused, n_excused, n_met;
	const char *program, *layout;
	uint64_t seed;
	char log[RUN_LOG][160];
	char *line; /* of the log: the operation that is under way */
};

/** run_fail() - the engine and the model disagree: says how, what led there, and ends. */
void run_fail(struct run *run, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/** run_begin() - notes the operation; from here on, allocations may fail. */
void run_begin(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * run_settle() - the engine answered @r
 * @need: NULL for what needs nothing
 * Return: true when the model is to answer the same; false when it was refused for want of
 * memory or space, rightly, and nothing may have changed.
 */
bool run_settle(struct run *run, int64_t r, const struct run_need *need);

/** run_may_meet() - from here to run_settle() others may come while it waits for the disk. */
static inline void run_may_meet(struct run *run)
{
	run->may_meet = !run->meets;
}

/** run_excusable() - might the operation have come to the end of memory or of its @need? */
bool run_excusable(const struct run *run, const struct run_need *need);

/** run_same() - fails unless the model answered what the engine did. */
void run_same(struct run *run, int64_t model);

/* random.c */

uint64_t run_random(struct run *run, uint64_t n);
struct spool_cred run_cred(struct run *run);
uint64_t run_dir(struct run *run);
/** A node of a type (S_IFREG ...), or of any with 0; at times one that is not there. */
uint64_t run_node(struct run *run, mode_t type);
const char *run_name(struct run *run);
/** Most often an entry that exists. @name: 300 bytes. */
void run_entry(struct run *run, uint64_t *ret_dir, char *name);
mode_t run_mode(struct run *run);
/** SPOOL_KILL_SUIDGID or 0. */
unsigned int run_kill_flag(struct run *run);

/* ops_name.c, ops_attr.c, ops_data.c: the operations */

typedef void (*run_op)(struct run *run);
void op_lookup(struct run *run);
void op_forget(struct run *run);
void op_create(struct run *run);
void op_link(struct run *run);
void op_unlink(struct run *run);
void op_rmdir(struct run *run);
void op_rename(struct run *run);
void op_readlink(struct run *run);
void op_readdir(struct run *run);
void op_setattr(struct run *run);
void op_open(struct run *run);
void op_release(struct run *run);
void op_setxattr(struct run *run);
void op_getxattr(struct run *run);
void op_removexattr(struct run *run);
void op_statfs(struct run *run);
void op_drop_orphans(struct run *run);
void op_limits(struct run *run);
void op_read(struct run *run);
void op_write(struct run *run);
void op_fallocate(struct run *run);
void op_seek(struct run *run);
void op_copy(struct run *run);

/* ops_life.c */

void op_reap(struct run *run);
void op_session_end(struct run *run);
void op_work(struct run *run);
void op_linger(struct run *run);
void op_wipe(struct run *run);

/** life_config() - lifetimes for the engine that is made next. */
void life_config(struct run *run, struct spool_config *config);

/** life_session() - one for what is made next, or 0. */
uint64_t life_session(struct run *run);

/** life_settle() - what @ino has by now, where it depends on how far the engine has come. */
void life_settle(struct run *run, uint64_t ino);

/** life_check() - lifetimes and sessions of all that does not. */
void life_check(struct run *run);

/** life_finish() - until nothing is left to do. */
void life_finish(struct run *run);

/* check.c */

void check_usage_take(struct run *run, struct run_usage *ret);

/** check_attr() - @got is what the model says of @ino. */
void check_attr(struct run *run, const char *what, uint64_t ino, const struct spool_attr *got);

/** check_list() - a listing of at most @room entries after @cookie. Return: the last cookie. */
uint64_t check_list(struct run *run, const struct spool_cred *cred, uint64_t dir, uint64_t cookie,
		    bool plus, size_t room);

/** check_step() - after each operation: all attributes, the accounts, the contents it touched. */
void check_step(struct run *run);

/** check_all() - everything: each directory, file, link and extended attribute. */
void check_all(struct run *run);

/* meanwhile.c */

/** meanwhile() - what others do to data while the disk is at work for the operation that is under
 * way, or for write-back. */
void meanwhile(struct run *run);

/* tier.c */

/** tier_config() - a disk in memory for the engine that is made next. */
void tier_config(struct run *run, struct spool_tier_config *ret);

/** tier_start(), tier_stop(): while there is an engine; tier_end(): when there is none any more. */
void tier_start(struct run *run);
void tier_stop(struct run *run);
void tier_end(void);

/** tier_turn() - between two operations: some data go to the disk. */
void tier_turn(struct run *run);

/** tier_fired() - whether a read failed in the operation; none will from here on. */
bool tier_fired(void);
