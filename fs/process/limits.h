/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker's process may use of the machine: the limits that it was started with, and what
 * it makes of them. All of this is called before there are other threads, which inherit it.
 */

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
 * Return: 0; -EPERM and a line.
 */
int spool_set_nice(int wanted, char why[SPOOL_LOG_LINE_MAX]);

/** spool_backing_files() - raise RLIMIT_NOFILE. Return: how many files of the backing directory may
 * be open at a time; at least 8. */
unsigned int spool_backing_files(void);

/**
 * spool_check_address_space() - file data are mapped, so a limit of addresses must not make a write
 * fail later
 * @ram: bytes that ram= allows
 * Return: 0; -ENOMEM and a line in @why: RLIMIT_AS is too low for that.
 */
int spool_check_address_space(uint64_t ram, char why[SPOOL_LOG_LINE_MAX]);
