/* SPDX-License-Identifier: MIT */
#pragma once

/* What ring.c (setting up, threads) and ring_loop.c (serving) share. */

#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "channel.h"
#include "ring.h"
#include "turn.h"
#include "wire.h"

/* Requests of one CPU that can be in our hands at once: one is being answered, others are on their
 * way or put aside. One that finds no entry waits in the kernel, in the order of arrival, so they
 * are many; on a machine with many CPUs, where each has its own, fewer. Guesses. */
#define RING_ENTRIES_ALL 1024u
#define RING_ENTRIES_MIN 16u
#define RING_ENTRIES_MAX 128u

/* In front of the payload, one page: the kernel's header at its beginning, and at its end the
 * message's head, so that it runs on into the payload. */
#define ENTRY_HEAD 4096u

struct spool_ring;

struct spool_ring_entry {
	struct spool_message message;
	struct spool_ring *ring;
	struct spool_wire_uring_header *header;
	char *payload;
	uint64_t commit_id;
	bool away;                          /* parked: neither the kernel's nor the ring thread's */
	SLIST_ENTRY(spool_ring_entry) link; /* returned */
};

SLIST_HEAD(ring_entry_list, spool_ring_entry);

enum ring_phase { RING_PREPARE, RING_GO, RING_GIVE_UP };

struct spool_ring {
	struct spool_rings *rings;
	struct io_uring uring;
	pthread_t thread;
	bool has_thread;
	bool pinned;
	unsigned int cpu;   /* also the number of the kernel's queue */
	unsigned int alive; /* entries that the kernel knows */
	int wake;           /* eventfd: something in @returned, or the end */
	size_t touched;     /* most bytes of a payload used since they were given back */
	void *memory;
	struct spool_ring_entry *entries; /* rings->n_entries */
	struct spool_turns ready;         /* have come and are not begun */
	pthread_mutex_t lock;             /* of @returned; nothing is called under it */
	struct ring_entry_list returned;
};

struct spool_rings {
	struct spool_fs *fs;
	int fd;
	size_t payload_size;    /* bytes, whole pages */
	unsigned int n_entries; /* of each ring */
	unsigned int n;
	atomic_bool stop;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	enum ring_phase phase;
	unsigned int n_ready;      /* have finished the phase that they are in */
	int error;                 /* first failure, -errno */
	const char *error_at;      /* where */
	struct spool_ring rings[]; /* n */
};

/** ring_register() - offer every entry to the kernel. Return: 0 at least one was taken; -errno. */
int ring_register(struct spool_ring *ring);

/** ring_serve() - until the connection is gone, or stopped. */
void ring_serve(struct spool_ring *ring);
