/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The memory that holds file data, for the engine's host interface (util/host.h).
 *
 * It is a file without a name on a tmpfs that is mounted nowhere and never swapped, where the
 * kernel has that (noswap, Linux 6.4) and we may mount (CAP_SYS_ADMIN in the initial user
 * namespace); otherwise a memfd, which may be swapped. With mlock=on either is locked.
 *
 * The supervisor makes it, and keeps it open: it can then give the memory back whatever has become
 * of the worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "util/host.h"

/** struct spool_arena_file - @fd: -1: closed; @noswap: it is never swapped out */
struct spool_arena_file {
	int fd;
	bool noswap;
};

/**
 * spool_arena_file_open() - a new one, empty
 * @noswap: false: do not use a tmpfs that is never swapped (a test)
 * Return: 0; -errno.
 */
int spool_arena_file_open(bool noswap, struct spool_arena_file *ret);

/**
 * struct spool_arena - must not move before the engine is freed, as @host points to it
 * @noswap: file data cannot be swapped out
 */
struct spool_arena {
	struct spool_host host;
	int file;
	bool noswap, lock;
};

/**
 * spool_arena_init() - make a host that is the system's but for the memory of file data
 * @file: where they are to be: the engine's, which closes it in this process
 * @lock: mlock=on
 * @ram: bytes that ram= allows
 * @why: gets a text when it fails; 128 bytes
 * Return: 0; -EPERM: so much may not be locked.
 */
int spool_arena_init(struct spool_arena *arena, const struct spool_arena_file *file, bool lock,
		     uint64_t ram, char why[128]);
