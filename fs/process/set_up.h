/* SPDX-License-Identifier: MIT */
#pragma once

/* The engine and what it stands on, before there is a mount and after it has gone. */

#include <stdbool.h>

#include "util/log.h"

struct spool_arena;
struct spool_fs;

/**
 * spool_set_up() - do all that needs a privilege or files of others, then give up both (sandbox.h)
 * @fs: has options and a log; gets the engine and what reads /etc/subuid, the pressure of memory,
 *	and callers' privileges
 * @arena: the memory of file data; stays until spool_tear_down()
 * @why: gets a line when an option asks for what cannot be had here
 * Before there are threads. Return: 0; -errno: the process is to end, nothing is freed.
 */
int spool_set_up(struct spool_fs *fs, struct spool_arena *arena, char why[SPOOL_LOG_LINE_MAX]);

/**
 * spool_tear_down() - when nothing is served any more
 * @ended: what spool_services_stop() returned; false: what the engine is stays, but not the data
 * Return: false: the accounts were not balanced (logged).
 */
bool spool_tear_down(struct spool_fs *fs, bool ended);
