/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What large files are written with: data of which a disk, or whatever lies below it, can store
 * nothing more cheaply. They are the same in each run.
 */

#include <stddef.h>
#include <stdint.h>

#define BENCH_SEED 88172645463325252u /* of bench_random(): any number but 0 */

/* In so many bytes nothing is repeated: compression looks no further back (btrfs: 128 KiB, ZFS: a
 * record, 1 MiB unless more was asked for). */
#define BENCH_DATA ((size_t)1024 * 1024)

/** bench_random() - the next number: xorshift64, G. Marsaglia, 2003. */
uint64_t bench_random(uint64_t *state);

/** bench_data_new() - BENCH_DATA bytes. Return: what the caller frees with free(); NULL. */
char *bench_data_new(void);

/**
 * bench_data_at() - what is to be written at @off of a file
 * Each page begins with its own offset, so that none can be stored once for many.
 * @data: of bench_data_new(); is changed
 * @size: bytes; @off and BENCH_DATA are multiples of it
 * Return: @size bytes in @data, until the next call.
 */
const char *bench_data_at(char *data, size_t size, uint64_t off);

/** bench_data_write() - write the first @bytes of a file, @size at a time. Return: 0; -errno;
 * -ENOSPC after a write of less. */
int bench_data_write(int fd, char *data, size_t size, uint64_t bytes);
