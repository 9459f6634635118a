/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How many requests wait, of whom, and for what: a bound for each payer over all reasons together.
 *
 * What waits keeps an entry of a ring (ring.h) or a buffer, and so a page of memory, and if it is a
 * write its data. How many a user can have is limited by RLIMIT_NPROC and the like only. So past
 * WAITING_MAX_OF_PAYER a request of that payer is answered at once, with EINTR: it was given up
 * before anything was done, which most programs and run-times (coreutils, Python, Go, Rust) answer
 * by trying again, and which none takes for a full or broken disk. The kernel has no word for
 * "later": its own restarts (ERESTARTSYS and higher) are refused from daemons. Through a mapping it
 * is SIGBUS.
 *
 * A write that waits while the data of its payer's waiting writes are a quarter of WAITING_DATA
 * already waits without its data. When its turn has come it is answered EINTR, and the caller sends
 * them again; ENOSPC when none comes. What the kernel sends by itself is always let in: it has
 * bounds of its own for page-outs. So is what has been done, and waits for nothing but that the
 * kernel is told (notify.h): it cannot be given up any more. Where we may have little RAM all
 * bounds are lower.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ctl/proto.h"
#include "transport/request.h"

struct spool_fs;
struct spool_waiting;

/** spool_waiting_new() - nobody waits. Return: 0; -ENOMEM. */
int spool_waiting_new(struct spool_fs *fs, struct spool_waiting **ret);

/** spool_waiting_free() - when nobody waits any more. NULL is allowed. */
void spool_waiting_free(struct spool_waiting *waiting);

/**
 * spool_waiting_enter() - may @request wait in the queue that it is deferred to?
 * It is counted until spool_waiting_leave(); one that is counted already may always go on. Sets its
 * drops_data. Return: false: it is to be answered now.
 */
bool spool_waiting_enter(struct spool_waiting *waiting, struct spool_request *request);

/** spool_waiting_move() - @to becomes a copy of @from, and is the request from now on. One that is
 * counted is copied under the lock, as others who come and go change its links. */
void spool_waiting_move(struct spool_waiting *waiting, struct spool_request *from,
			struct spool_request *to);

/** spool_waiting_leave() - it is answered. One that is not counted is a no-op. */
void spool_waiting_leave(struct spool_waiting *waiting, struct spool_request *request);

/** struct spool_waiting_oldest - the request that has waited longest for something: since when
 * (CLOCK_MONOTONIC), its caller and its operation */
struct spool_waiting_oldest {
	uint64_t since_ms;
	uid_t uid;
	uint32_t opcode;
};

/**
 * struct spool_waiting_stat - what waits now
 * @n: requests, by enum spool_ctl_waiting; @data: bytes of them
 * @oldest: for each @n that is not 0
 * @payers: who has any that wait; @refused: requests answered EINTR so far
 */
struct spool_waiting_stat {
	uint64_t n[SPOOL_CTL_WAITING_N];
	struct spool_waiting_oldest oldest[SPOOL_CTL_WAITING_N];
	uint64_t data;
	uint64_t payers;
	uint64_t refused;
};

/** spool_waiting_stat() - a snapshot. */
void spool_waiting_stat(struct spool_waiting *waiting, struct spool_waiting_stat *ret);

/** struct spool_waiting_entry - one request that waits. @number: they are numbered as they come to
 * wait for something, from 1 on; @since_ms: CLOCK_MONOTONIC; @attempts: at it so far */
struct spool_waiting_entry {
	uint64_t number, since_ms, unique, nodeid;
	uint32_t opcode;
	uid_t uid, payer;
	unsigned int attempts;
};

/**
 * spool_waiting_list() - those that wait for @wait, the oldest first, up to @max
 * @after: a number: only those that came later; 0: all. The time grows with all that wait for it.
 * Return: how many there are at @ret.
 */
size_t spool_waiting_list(struct spool_waiting *waiting, enum spool_ctl_waiting wait,
			  uint64_t after, struct spool_waiting_entry *ret, size_t max);

/** spool_waiting_of() - how many requests of payer @uid wait. */
unsigned int spool_waiting_of(struct spool_waiting *waiting, uid_t uid);
