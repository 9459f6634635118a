/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What sessions are told by the machine: its processes, its cgroups, when one of them ends, and the
 * time. The daemon uses spool_life_system_new() (life/system_proc.h); tests pass a process table
 * and a clock of their own.
 *
 * A process that has been opened is the same one in all that is read through it. The kernel keeps
 * that for /proc: an inode there holds the struct pid of its process (get_proc_task(),
 * fs/proc/base.c), and whatever is read after the end is ESRCH, also when the number has gone to
 * somebody else. So a handle that can be read still says that its number means now whom it meant
 * when it was opened.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** enum spool_process_file - the files of /proc/PID that are read */
enum spool_process_file {
	SPOOL_PROCESS_STAT,
	SPOOL_PROCESS_STATUS,
	SPOOL_PROCESS_SESSIONID,
	SPOOL_PROCESS_CGROUP,
};

/** What list() calls for each process. Return: 0; -errno to end the list with. */
typedef int (*spool_each_process_fn)(void *arg, pid_t pid);

/**
 * struct spool_life_system - the machine
 * @ctx: passed to every call
 * @open_process: a handle of process or thread @pid. Return: >= 0; -ESRCH there is none; -errno
 * @open_file: a handle of one of its files, of the process that @process is a handle of; with
 *	@process < 0, of the one whose number is @pid. Return: >= 0; -ESRCH; -errno
 * @read_file: the whole file, from its beginning, as text that ends with a NUL. Return: its length;
 *	-ESRCH the process has gone; -E2BIG it is longer than @size - 1, and so much of it is
 *	there; -errno
 * @owner_of: the effective uid that the process of @file had when that was opened; (uid_t)-1: it
 *	is not told. It may be root's where others may not look at the process
 * @sid_of: the POSIX session of process or thread @pid. Return: >= 0, 0: one of another pid
 *	namespace; -ESRCH there is no such process; -errno it is not told this way
 * @list: calls @each for every process (not thread) there is. Return: 0 when none was left out but
 *	such as began or ended meanwhile; -EACCES: others' processes are hidden (hidepid, proc(5));
 *	what @each has returned; -errno
 * @list_threads: calls @each for every thread of process @pid if it has more than one. Return: 0
 *	when none was left out but such as began or ended meanwhile, also when there is no such
 *	process; -EAGAIN that cannot be told; what @each has returned; -errno
 * @last_number: the number that a process or thread was given last. All that begin later have
 *	higher ones, until the numbers begin again. Return: > 0; -EOPNOTSUPP nothing tells; -errno
 * @watch_process: tells spool_sessions_event() of @token when process @pid has ended.
 *	Return: a handle; -ESRCH; -errno
 * @watch_cgroup: the same when it may be that no process is left in a cgroup.
 *	@path: its name in cgroup2, "/a/b". Return: a handle; -ENOENT there is no such cgroup;
 *	-EOPNOTSUPP the kernel tells nothing of it; -errno
 * @is_populated: is a process in the cgroup of this handle, or below? Return: 1; 0 no, or it is
 *	gone; -errno
 * @close: lets go of a handle of any kind; -1 is allowed
 * @now_ms: milliseconds, from whenever
 * @rest: a piece of long work is done, and others may want the CPU: sleeps if it was enough. Only
 *	here no lock may be held
 * @no_audit: the kernel has no audit sessions (CONFIG_AUDIT), nor the file SESSIONID
 *
 * All but @rest may be called from any thread, and under the locks of this folder; @rest by the
 * thread that looks at processes. None waits for a disk.
 */
struct spool_life_system {
	void *ctx;
	int (*open_process)(void *ctx, pid_t pid);
	int (*open_file)(void *ctx, int process, pid_t pid, enum spool_process_file file);
	ssize_t (*read_file)(void *ctx, int file, char *buf, size_t size);
	uid_t (*owner_of)(void *ctx, int file);
	int (*sid_of)(void *ctx, pid_t pid);
	int (*list)(void *ctx, spool_each_process_fn each, void *arg);
	int (*list_threads)(void *ctx, pid_t pid, spool_each_process_fn each, void *arg);
	int (*last_number)(void *ctx);
	int (*watch_process)(void *ctx, pid_t pid, uint64_t token);
	int (*watch_cgroup)(void *ctx, const char *path, uint64_t token);
	int (*is_populated)(void *ctx, int watch);
	void (*close)(void *ctx, int handle);
	uint64_t (*now_ms)(void *ctx);
	void (*rest)(void *ctx);
	bool no_audit;
};
