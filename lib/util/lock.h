/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Locks with a rank. A thread may only take a lock of a higher rank than all those that it
 * holds; debug builds (SPOOL_LOCK_CHECK) print the numbers of both ranks and abort when it does
 * not. The order, and what each lock covers, is in lib/README.md, "Lock order".
 *
 * Two locks of one kind are told apart by their rank as well: a parent directory is taken as
 * SPOOL_RANK_DIR, a second one as SPOOL_RANK_DIR2, a child as SPOOL_RANK_NODE, and so on, so
 * the rank is a property of the call and not of the lock.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What clang checks with -Wthread-safety. Behind the head of a function, SPOOL_REQUIRES(lock) says
 * that its caller holds the lock. SPOOL_UNCHECKED is for functions that take or release locks by a
 * condition, which the check cannot follow. Other compilers see nothing of all this.
 */
#ifdef __clang__
#define SPOOL_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define SPOOL_THREAD_SAFETY(attribute)
#endif
#define SPOOL_CAPABILITY SPOOL_THREAD_SAFETY(capability("lock"))
#define SPOOL_ACQUIRE(lock) SPOOL_THREAD_SAFETY(acquire_capability(lock))
#define SPOOL_ACQUIRE_SHARED(lock) SPOOL_THREAD_SAFETY(acquire_shared_capability(lock))
#define SPOOL_RELEASE(lock) SPOOL_THREAD_SAFETY(release_capability(lock))
#define SPOOL_RELEASE_ANY(lock) SPOOL_THREAD_SAFETY(release_generic_capability(lock))
#define SPOOL_REQUIRES(...) SPOOL_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define SPOOL_UNCHECKED SPOOL_THREAD_SAFETY(no_thread_safety_analysis)

enum spool_rank {
	SPOOL_RANK_SET = 5,      /* options of the live mount, while they are changed */
	SPOOL_RANK_RENAME = 10,  /* engine-wide: a directory changes its parent */
	SPOOL_RANK_DIR = 20,     /* node lock of the first (or only) directory of an operation */
	SPOOL_RANK_DIR2 = 21,    /* node lock of a second directory: the one above first */
	SPOOL_RANK_NODE = 22,    /* node lock of an operation's subject */
	SPOOL_RANK_NODE2 = 23,   /* node lock of a second subject (rename target) */
	SPOOL_RANK_OBJECT = 30,  /* a file's data */
	SPOOL_RANK_OBJECT2 = 31, /* second file of a copy; the lower inode number goes first */
	SPOOL_RANK_TABLE = 40,   /* a shard of the inode table */
	SPOOL_RANK_TIER = 45,    /* which files are to leave RAM */
	SPOOL_RANK_POOL = 50,    /* the RAM pool's free lists */
	SPOOL_RANK_QUOTA = 60,   /* users and their charges */
	SPOOL_RANK_LIFE = 65,    /* sessions; one of the files by which callers are known */
	SPOOL_RANK_LEAF = 70,    /* the engine takes nothing below this */
	SPOOL_RANK_QUEUE = 80,   /* the daemon's queues, which the engine wakes under its locks */
};

struct SPOOL_CAPABILITY spool_mutex {
	pthread_mutex_t mutex;
};

struct SPOOL_CAPABILITY spool_rwlock {
	pthread_rwlock_t rwlock;
};

/* spool_mutex_init(), spool_mutex_fini(), spool_mutex_lock(), spool_mutex_unlock(): as pthread's,
 * but they cannot fail: an error means that the caller has used the lock wrongly, and aborts. */
void spool_mutex_init(struct spool_mutex *lock);
void spool_mutex_fini(struct spool_mutex *lock);
void spool_mutex_lock(struct spool_mutex *lock, enum spool_rank rank) SPOOL_ACQUIRE(*lock);
void spool_mutex_unlock(struct spool_mutex *lock) SPOOL_RELEASE(*lock);

/* spool_rwlock_init(), spool_rwlock_fini(), spool_rwlock_rdlock(), spool_rwlock_wrlock(),
 * spool_rwlock_unlock(): likewise. */
void spool_rwlock_init(struct spool_rwlock *lock);
void spool_rwlock_fini(struct spool_rwlock *lock);
void spool_rwlock_rdlock(struct spool_rwlock *lock, enum spool_rank rank)
	SPOOL_ACQUIRE_SHARED(*lock);
void spool_rwlock_wrlock(struct spool_rwlock *lock, enum spool_rank rank) SPOOL_ACQUIRE(*lock);
void spool_rwlock_unlock(struct spool_rwlock *lock) SPOOL_RELEASE_ANY(*lock);

/** struct spool_cond - a condition: threads sleep on it until another one has changed something
 * under the lock that they all use with it. */
struct spool_cond {
	pthread_cond_t cond;
};

#define SPOOL_FOREVER UINT64_MAX /* a time that does not come */

/* spool_cond_init(), spool_cond_fini(), spool_cond_wake(), spool_cond_wake_all(): as pthread's;
 * spool_cond_wake() wakes one thread. */
void spool_cond_init(struct spool_cond *cond);
void spool_cond_fini(struct spool_cond *cond);
void spool_cond_wake(struct spool_cond *cond);
void spool_cond_wake_all(struct spool_cond *cond);

/**
 * spool_cond_wait() - sleep until the condition is woken; may return without that
 * @lock: released while the thread sleeps; debug builds abort when it holds another lock as well
 * @until_ns: in ns of CLOCK_MONOTONIC; SPOOL_FOREVER: no limit
 * Return: false when @until_ns has come.
 */
bool spool_cond_wait(struct spool_cond *cond, struct spool_mutex *lock, uint64_t until_ns)
	SPOOL_REQUIRES(*lock);

/** spool_lock_assert_none() - debug builds abort when this thread holds any lock (before a reply).
 */
void spool_lock_assert_none(void);
