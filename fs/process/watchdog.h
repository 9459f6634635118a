/* SPDX-License-Identifier: MIT */
#pragma once

/* The supervisor's part of watch.h: when it looks, and at what. It does not wake up while the
 * threads of the worker rest and the worker is not stopped. */

#include <stdbool.h>
#include <sys/types.h>

#include "process/mountpoint.h"
#include "host/pulse.h"

struct spool_watchdog;

/** spool_watchdog_new() - @hurry: divides the limit. Return: 0; -errno. */
int spool_watchdog_new(int hurry, struct spool_watchdog **ret);

/** spool_watchdog_free() - NULL is allowed. */
void spool_watchdog_free(struct spool_watchdog *dog);

/** spool_watchdog_pulses() - Return: the counters for the worker to use. */
struct spool_pulses *spool_watchdog_pulses(struct spool_watchdog *dog);

/** spool_watchdog_fd() - Return: a descriptor to be polled for input, which wakes the watchdog. */
int spool_watchdog_fd(const struct spool_watchdog *dog);

/** spool_watchdog_timeout() - Return: ms until it wants to look; -1: not before it is woken. */
int spool_watchdog_timeout(const struct spool_watchdog *dog);

/** spool_watchdog_stopped() - the worker was stopped or continued, as SIGCHLD has told. */
void spool_watchdog_stopped(struct spool_watchdog *dog, bool stopped);

/** spool_watchdog_look() - look, if it is time to; to be called whenever poll(2) has returned.
 * Return: true: the worker hangs. */
bool spool_watchdog_look(struct spool_watchdog *dog, pid_t worker, const struct spool_mount *mount);
