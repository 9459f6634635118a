/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker's process may use of the machine: the limits that it was started with, and what
 * it makes of them. All of this is called before there are other threads, which inherit it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "util/log.h"

/**
 * spool_harden() - raise limits as far as they go, ignore signals that are not for us, and keep
 * file data out of core dumps
 */
void spool_harden(void);

/**
 * spool_set_nice() - nice=
 * @wanted: SPOOL_NICE_DEFAULT: -10, or as near to it as RLIMIT_NICE lets, unless the process was
 *	started at another value than 0
 * @why: gets a line that says why it cannot be
 * A session that our parent leads, in which nobody else is, gets the same value among sessions.
 * Return: 0; -EPERM and a line.
 */
int spool_set_nice(int wanted, char why[SPOOL_LOG_LINE_MAX]);

/** struct spool_descriptors - how many may be used: for files of the backing directory, at least 8;
 * for processes that are watched; and for threads that make files, at least 16 */
struct spool_descriptors {
	unsigned int backing, watches, callers;
};

/** spool_share_descriptors() - raise RLIMIT_NOFILE, and share what it allows. @has_backing: there
 * is a backing directory */
void spool_share_descriptors(bool has_backing, struct spool_descriptors *ret);

/** spool_cpu_seconds() - Return: after how much CPU time the kernel kills this process (RLIMIT_CPU,
 * in seconds); 0: it does not. */
uint64_t spool_cpu_seconds(void);

/**
 * spool_check_address_space() - file data are mapped, so a limit of addresses must not make a write
 * fail later
 * @ram: bytes that ram= allows
 * Return: 0; -ENOMEM and a line in @why: RLIMIT_AS is too low for that.
 */
int spool_check_address_space(uint64_t ram, char why[SPOOL_LOG_LINE_MAX]);

/**
 * spool_check_file_size() - file data are in one file in memory and in some on the disk, so a limit
 * of their sizes must not make a write fail later, as if there were no space
 * @ram: bytes that ram= allows
 * Return: 0; -EFBIG and a line in @why: RLIMIT_FSIZE is too low, and may not be raised.
 */
int spool_check_file_size(uint64_t ram, char why[SPOOL_LOG_LINE_MAX]);
