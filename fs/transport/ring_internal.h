/* SPDX-License-Identifier: MIT */
#pragma once

/* What ring.c (setting up, threads), ring_loop.c (serving), ring_block.c, ring_kick.c and
 * ring_way.c share. */

#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "transport/request.h"
#include "transport/ring.h"
#include "transport/wire.h"
#include "util/lock.h"
#include "util/turn.h"

/* Entries that a ring starts with: one request is being answered, others are on their way or
 * deferred. On a machine with many CPUs, where each has its own, fewer. Guesses. */
#define RING_ENTRIES_ALL 1024u
#define RING_ENTRIES_MIN 16u
#define RING_ENTRIES_MAX 128u

/* The payloads of those have room in this part of the RAM, as users decide what is in them: by
 * fewer entries, and then by less data in a request. Guesses. */
#define RING_RAM_PART 8u
#define RING_PAYLOAD_MIN ((size_t)32 << 10)

/* A ring grows when less than half of the entries that it started with are not deferred: by as
 * many entries as it has, and no more than these at once, as registering one takes a microsecond.
 * With so many blocks it has 60,000 entries and more, twice what may wait in all (waiting.h).
 * Guesses. */
#define RING_GROWTH_MAX 256u
#define RING_BLOCKS_MAX 256u

/* In front of the payload, one page: the kernel's header at its beginning, and at its end the
 * request's head, so that it runs on into the payload. */
#define ENTRY_HEAD 4096u

struct spool_ring;

struct spool_ring_entry {
	struct spool_request request;
	struct spool_ring *ring;
	struct spool_wire_uring_header *header;
	char *payload;
	uint64_t commit_id;
	bool deferred; /* its request is: neither the kernel's nor the ring thread's */
	bool is_free;  /* the kernel has it, and no request in it */
	SLIST_ENTRY(spool_ring_entry) link; /* returned */
};

SLIST_HEAD(ring_entry_list, spool_ring_entry);

/* Entries that were made together. */
struct ring_block {
	struct spool_ring_entry *entries;
	void *memory; /* of their payloads and heads */
	unsigned int n;
};

enum ring_phase { RING_PREPARE, RING_GO, RING_GIVE_UP };

struct spool_ring {
	struct spool_rings *rings;
	struct io_uring uring;
	pthread_t thread;
	bool has_thread;
	bool pinned;
	unsigned int cpu;       /* also the number of the kernel's queue */
	atomic_uint alive;      /* entries that the kernel knows */
	atomic_uint n_deferred; /* of these, those of deferred requests */
	unsigned int n_entries; /* of all blocks */
	unsigned int n_blocks;
	struct ring_block blocks[RING_BLOCKS_MAX];
	bool is_full;          /* it cannot grow any more */
	bool used_more;        /* of entries beyond the first block, since memory was given back */
	bool may_queue;        /* it has grown, and nothing has shown since that no request waits */
	atomic_bool kicked;    /* a kick (ring_kick.c) is to be sent, or on its way */
	atomic_bool wants;     /* the kick is to be sent */
	_Atomic uint64_t file; /* what a kick is about: a regular file that the kernel knows */
	struct spool_ring_entry *kick; /* the entry of a kick that has just been committed */
	int wake;                      /* eventfd: something in @returned, or the end */
	_Atomic uint64_t taken;        /* requests so far */
	uint64_t noted_ns;             /* when it has looked at the clock for that */
	atomic_bool works;             /* it does not wait for requests */
	size_t touched;                /* most bytes of a payload used since they were given back */
	struct spool_turns ready;      /* have come and are not begun */
	struct spool_mutex lock;       /* of @returned; nothing is called under it */
	struct ring_entry_list returned;
};

struct spool_rings {
	struct spool_fs *fs;
	int fd;
	size_t payload_size;  /* bytes, whole pages */
	unsigned int n_first; /* entries that each ring starts with */
	unsigned int n;
	struct ring_kicker *kicker;
	struct ring_guard *guard;
	atomic_bool stop;
	struct spool_mutex lock; /* of the following; nothing is called under it */
	struct spool_cond changed;
	enum ring_phase phase;
	unsigned int n_ready;      /* have finished the phase that they are in */
	int error;                 /* first failure, -errno */
	const char *error_at;      /* where */
	struct spool_ring rings[]; /* n */
};

/** ring_add_block() - @n more entries, not yet known to the kernel. Return: 0; -ENOMEM. */
int ring_add_block(struct spool_ring *ring, unsigned int n);

/** ring_free_blocks() - all of them, when the kernel knows them no more. */
void ring_free_blocks(struct spool_ring *ring);

/** ring_register() - offer the first block to the kernel. Return: 0 at least one entry was taken;
 * -errno. */
int ring_register(struct spool_ring *ring);

/** ring_serve() - until the connection is gone, or stopped. */
void ring_serve(struct spool_ring *ring);

/* ring_kick.c: a request that we send to ourselves, so that a ring takes up what waits for it */

/** ring_kicker_new() - a thread that sleeps. Return: 0; -errno. */
int ring_kicker_new(struct spool_rings *rings, struct ring_kicker **ret);

/** ring_kicker_free() - ends it. NULL is allowed. */
void ring_kicker_free(struct ring_kicker *kicker);

/** ring_kick() - one of our requests is to come to @ring; or never, where that cannot be had. */
void ring_kick(struct spool_ring *ring);

/** ring_kick_of() - Return: whose kick this request is; NULL: none. */
struct spool_ring *ring_kick_of(struct spool_rings *rings, const struct fuse_in_header *header);

/* ring_way.c: rings to which requests come fast give way to the callers (way_rule.h) */

/** ring_guard_new() - a thread that sleeps, and looks after all rings. Return: 0; -errno. */
int ring_guard_new(struct spool_rings *rings, struct ring_guard **ret);

/** ring_guard_free() - ends it. NULL is allowed. */
void ring_guard_free(struct ring_guard *guard);

/** ring_way_begin() - the calling thread serves @ring from now on. */
void ring_way_begin(struct spool_ring *ring);

/** ring_way_end() - it does not any more: nobody looks at the ring then. */
void ring_way_end(struct spool_ring *ring);

/** ring_way_note() - the ring's thread has taken one request more. */
void ring_way_note(struct spool_ring *ring);
