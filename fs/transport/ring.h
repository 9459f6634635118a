/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * FUSE over io_uring: one ring for each possible CPU, each with a thread pinned to it, as the
 * kernel puts a request into the ring of the CPU that its caller runs on. Needs Linux 6.14 and
 * fuse's module parameter enable_uring; libfuse does not know of it.
 *
 * The kernel uses the rings only when every CPU has one, and then never goes back. So everything
 * that can fail is done by spool_rings_prepare(), before the answer to FUSE_INIT accepts the offer;
 * what can fail after that makes the kernel itself forget about rings.
 *
 * FORGET, INTERRUPT and notifications stay on /dev/fuse (devfuse.h).
 *
 * An entry is room for one request and its reply. The kernel writes the request in pieces; the two
 * small ones are copied in front of the payload, which then is the request in one piece, and data
 * that are read go straight into the payload. Payloads are large but touched late, and given back
 * to the system after a while without requests.
 *
 * Handlers only touch memory, and a ring takes the requests of different payers in turn (turn.h).
 * What would wait for something else is deferred (for_release.h, for_ram.h, for_disk.h) but keeps
 * its entry, as the kernel has no way to take a request back, and as one that finds no free entry
 * waits there behind all that came before it. So a ring grows: for deferred requests it registers
 * more entries, which cost a page each while they are used. Requests that wait in the kernel beside
 * those are fetched (ring_kick.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_fs;
struct spool_rings;

/**
 * spool_rings_max_write() - how much data the largest request may have, so that all payloads that
 *	the rings start with have room in a part of the RAM
 * @ram: bytes that the daemon may use: the machine's, or what its cgroup allows
 * Return: bytes, whole pages.
 */
size_t spool_rings_max_write(uint64_t ram);

/**
 * spool_rings_prepare() - threads, rings and buffers, all of them or none
 * @fd: /dev/fuse, borrowed until spool_rings_stop()
 * @max_write: bytes of data in the largest request
 * @why: gets a text when it fails; 128 bytes
 * Return: 0; -errno.
 */
int spool_rings_prepare(struct spool_fs *fs, int fd, size_t max_write, struct spool_rings **ret,
			char why[128]);

/**
 * spool_rings_start() - register the rings with the kernel and serve, after FUSE_INIT was answered
 * @why: gets what is in force, or why it failed
 * Return: 0; -errno the kernel has refused a ring: it goes on with /dev/fuse; stop the rings.
 */
int spool_rings_start(struct spool_rings *rings, char why[128]);

/** spool_rings_stop() - ends the threads and frees all. NULL is allowed. */
void spool_rings_stop(struct spool_rings *rings);

/** spool_rings_entries() - of all rings. Return: how many; in *@ret_deferred those of deferred
 * requests. */
unsigned int spool_rings_entries(const struct spool_rings *rings, unsigned int *ret_deferred);

/** spool_rings_entry_count() - of ring @i alone. Return: false: there is no such ring. */
bool spool_rings_entry_count(const struct spool_rings *rings, unsigned int i, unsigned int *ret_all,
			     unsigned int *ret_deferred);

/** spool_rings_threads() - how many serve. */
unsigned int spool_rings_threads(const struct spool_rings *rings);
