/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A backing store in memory that fails on demand, is full at a chosen size, and stands still like
 * a disk that does not answer. It is stricter than a disk: what was never written, or was punched,
 * cannot be read, and its first file has number 0.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "spill/backing.h"

enum fault_call {
	FAULT_OPEN,
	FAULT_WRITE,
	FAULT_READ,
	FAULT_PUNCH,
	FAULT_SPACE,
	FAULT_CLOSE,
	N_FAULT
};

/** FAULT_ALL - a set of kinds of calls, for fault_backing_gate(); one alone: 1u << FAULT_WRITE */
#define FAULT_ALL ((1u << N_FAULT) - 1)

struct fault_file;

/**
 * struct fault_backing - pass &fault.backing to the code under test; backing.max_file is 1 TiB, and
 *	may be set to less
 * @live: open files; @bytes: what their pages take; @peak: the most that @bytes has been
 * @calls: that were made since fault_backing_init(), by kind; also those that failed
 * @fired: a call of the kind has failed since it was last armed
 * @blocked: calls that wait at the gate
 * @during: NULL, or what each read and write begins with, without a lock: it may do what others
 *	would while the disk is at work, and more reads and writes; @during_ctx: for it
 * Read them when no other thread is in a call, but for those that are atomic.
 */
struct fault_backing {
	struct spool_backing backing;
	_Atomic long live;
	_Atomic uint64_t bytes;
	uint64_t peak;
	_Atomic long calls[N_FAULT];
	_Atomic bool fired[N_FAULT];
	_Atomic unsigned int blocked;
	void (*during)(void *ctx);
	void *during_ctx;
	/* private, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t capacity;
	unsigned int closed; /* kinds that wait */
	TAILQ_HEAD(, fault_waiter) waiters;
	struct {
		long nth, calls;
		bool persistent;
		int error;
	} armed[N_FAULT];
	struct fault_file **files;
	int n_files;
};

/** fault_backing_init() - no files, 1 TiB, no faults, the gate open. backing->ops->free is a no-op
 */
void fault_backing_init(struct fault_backing *fault);

/** fault_backing_fini() - frees all; files may be open. */
void fault_backing_fini(struct fault_backing *fault);

/**
 * fault_backing_arm() - let the @nth call of the kind from now on fail (from 1; 0 = none)
 * @persistent: and all that follow it
 * @error: what it returns: -EIO, ... (not for FAULT_CLOSE, which cannot fail)
 * A write that fails has written half of its pages; a punch that fails has punched nothing.
 */
void fault_backing_arm(struct fault_backing *fault, enum fault_call kind, long nth, bool persistent,
		       int error);

/** fault_backing_capacity() - bytes; a write beyond fills what there is and fails with -ENOSPC. */
void fault_backing_capacity(struct fault_backing *fault, uint64_t capacity);

/** fault_backing_gate() - calls of the kinds in @closed wait from now on, others go on. 0: all go.
 */
void fault_backing_gate(struct fault_backing *fault, unsigned int closed);

/** fault_backing_pass() - of the calls that wait the @i-th goes on, in the order they came, from 0.
 */
void fault_backing_pass(struct fault_backing *fault, unsigned int i);

/** fault_backing_wait_blocked() - waits until @n calls wait at the gate. */
void fault_backing_wait_blocked(struct fault_backing *fault, unsigned int n);

/** fault_backing_spoil() - turns one bit of each page there is. Return: how many pages. */
size_t fault_backing_spoil(struct fault_backing *fault);

/** fault_backing_holds() - is @text in a page somewhere (not across two)? */
bool fault_backing_holds(struct fault_backing *fault, const void *text, size_t len);
