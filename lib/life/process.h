/* SPDX-License-Identifier: MIT */
#pragma once

/* What is read of a process: who it belongs to, and when it began. */

#include <stdbool.h>

#include "life/system.h"
#include "util/host.h"

/** The audit session id of a process that no login has set (AUDIT_SID_UNSET, linux/audit.h). */
#define SPOOL_AUDIT_UNSET UINT32_MAX

/* A file of /proc: "cgroup" has a line for each of up to 14 hierarchies, of 200 to 300 bytes in
 * containers; what is longer cannot be told. A guess. */
#define SPOOL_PROCESS_TEXT 8192u

/** Bytes of a process's name, with its end (TASK_COMM_LEN, proc_pid_comm(5)). */
#define SPOOL_PROCESS_NAME 16u

/**
 * struct spool_process - a process
 * @start: when it began, in ticks since boot; with @pid it names one process for good
 * @sid: its POSIX session
 * @dead: it has ended, and only its parent has not taken notice
 * @name: of the program, or what it calls itself
 */
struct spool_process {
	pid_t pid;
	pid_t sid;
	uint64_t start;
	bool dead;
	char name[SPOOL_PROCESS_NAME];
};

/** struct spool_process_cgroup - a cgroup, of the hierarchies that tell of jobs */
struct spool_process_cgroup {
	bool unified;     /* of cgroup2, else of version 1 (name=systemd) */
	const char *path; /* "/a/b"; NULL: in the root of both, or of what lies outside of ours */
};

/** spool_process_parse_stat() - the text of "stat". Return: 0; -EINVAL with *@ret undefined. */
int spool_process_parse_stat(const char *text, struct spool_process *ret);

/** spool_process_parse_uids() - the text of "status": real, effective, saved uid, and that for
 * files. Return: 0; -EINVAL. */
int spool_process_parse_uids(const char *text, uid_t ret[4]);

/** spool_process_parse_tgid() - the text of "status": the process that it is a thread of.
 * Return: 0; -EINVAL. */
int spool_process_parse_tgid(const char *text, pid_t *ret);

/** spool_process_parse_levels() - the text of "status": in how many pid namespaces, from that of
 * /proc on, it has a number. Return: 0; -EINVAL. */
int spool_process_parse_levels(const char *text, unsigned int *ret);

/** spool_process_parse_audit() - the text of "sessionid". Return: 0; -EINVAL. */
int spool_process_parse_audit(const char *text, uint32_t *ret);

/**
 * spool_process_parse_cgroup() - the text of "cgroup": the cgroup2 one if it is not the root, else
 * that of name=systemd. @text: lines are cut in it; @ret points into it.
 */
void spool_process_parse_cgroup(char *text, struct spool_process_cgroup *ret);

/** What spool_process_each_cgroup() calls. Return: true to go on. */
typedef bool (*spool_each_cgroup_fn)(void *arg, const char *path);

/** spool_process_walk_up() - calls @each for @path, "/a/b", and those above it, without the root.
 */
void spool_process_walk_up(const char *path, spool_each_cgroup_fn each, void *arg);

/** spool_process_each_cgroup() - spool_process_walk_up() of each hierarchy. @text: of "cgroup". */
void spool_process_each_cgroup(const char *text, spool_each_cgroup_fn each, void *arg);

/**
 * spool_process_read() - what "stat" says, and one more file of the same process
 * @buf: gets the text of @file, SPOOL_PROCESS_TEXT bytes; NULL: no file is wanted
 * The start is read on both sides of the file, through one handle.
 * Return: 0; -ESRCH it is gone, or was another at the end; -errno.
 */
int spool_process_read(const struct spool_life_system *system, pid_t pid,
		       enum spool_process_file file, char *buf, struct spool_process *ret);

/** spool_process_read_file() - the text of the file that @handle is of, into @buf of
 * SPOOL_PROCESS_TEXT bytes, of STATUS no more than fits. Return: 0; -ESRCH; -errno. */
int spool_process_read_file(const struct spool_life_system *system, int handle,
			    enum spool_process_file file, char *buf);

/** spool_process_levels() - spool_process_parse_levels() of thread @tid, whose "status" may be as
 * long as many groups make it. @host: for memory. Return: 0; -ESRCH; -ENOMEM; -E2BIG; -errno. */
int spool_process_levels(const struct spool_life_system *system, const struct spool_host *host,
			 pid_t tid, unsigned int *ret);

/** spool_process_text() - the text of one file of the process whose number is @pid now, into @buf
 * of SPOOL_PROCESS_TEXT bytes, of STATUS no more than fits. Return: 0; -ESRCH; -errno. */
int spool_process_text(const struct spool_life_system *system, pid_t pid,
		       enum spool_process_file file, char *buf);
