/* SPDX-License-Identifier: MIT */
#pragma once

/* The machine's own processes and cgroups: proc(5), cgroups(7), pidfd_open(2), epoll(7). */

#include <stdbool.h>

#include "life/system.h"
#include "util/host.h"

/**
 * spool_life_system_new() - the real one
 * @proc: a directory, the root of a procfs whose processes have the numbers that FUSE tells;
 * @hides: it may hide some, so nothing that is not there has gone;
 * @numbers: a file of /proc whose last word is the number that was given last, for our pid
 * namespace: loadavg or sys/kernel/ns_last_pid (proc(5)); -1: neither can be read;
 * @cgroup: the root of cgroup2, -1: it has none; @epoll: gets what is watched, data.u64 is the
 * token. All four are borrowed for good.
 * Return: 0; -ENOMEM.
 */
int spool_life_system_new(const struct spool_host *host, int proc, bool hides, int numbers,
			  int cgroup, int epoll, struct spool_life_system **ret);

/** spool_life_system_free() - NULL is allowed. */
void spool_life_system_free(const struct spool_host *host, struct spool_life_system *system);
