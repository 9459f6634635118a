/* SPDX-License-Identifier: MIT */
#pragma once

/* A procfs whose processes have the numbers that FUSE tells: those of our own pid namespace. */

/** enum spool_procfs - what was found */
enum spool_procfs {
	SPOOL_PROCFS_OWN,    /* mounted for us alone: processes only, whatever hidepid= /proc has */
	SPOOL_PROCFS_COMMON, /* /proc, with all processes */
	SPOOL_PROCFS_HIDING, /* /proc, with hidepid=, or nothing can be said of that */
};

/**
 * spool_procfs_open() - open one
 * One of our own needs CAP_SYS_ADMIN where the pid namespace belongs, and Linux 5.8.
 * Return: a directory, the caller's; -EXDEV /proc shows another pid namespace; -errno.
 */
int spool_procfs_open(enum spool_procfs *ret);

/** spool_procfs_numbers() - a file whose last word is the number that a process or thread was given
 * last in our own pid namespace. Return: the caller's; -1: none can be read (lxcfs(1) has a loadavg
 * of its own). */
int spool_procfs_numbers(void);

/** spool_cgroup2_open() - the root of cgroup2, alone or beside version 1. Return: a directory, the
 * caller's; -1: there is none. */
int spool_cgroup2_open(void);
