/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that looks at other processes and reads accounts for the worker, which may do neither
 * (fs/security/sandbox.h): only a process that might trace a caller sees whether he is in our user
 * namespace, and /etc is closed to the worker. The witness takes four kinds of questions and no
 * data: what a process may do, under which uid, and whether it is about to end; whether it is in a
 * group; whether it is one of a daemon; and what the ranges of subordinate uids are.
 *
 * It ends with the worker. It may be asked anything, as the worker may have been taken over: it
 * looks at processes of our own pid namespace only, and has few processes read accounts at a time;
 * beyond these there is no answer. A question takes 0.1 ms. Without an answer in time the answer is
 * "no", so that no caller waits for ever.
 */

#include <stdbool.h>
#include <sys/types.h>

struct spool_subuid_table;
struct spool_witness;

/* How long the worker waits for what it must know of a caller. A guess at what callers can bear. */
#define SPOOL_WITNESS_ANSWER_MS 1000

/**
 * spool_witness_start() - fork it; the calling process must have one thread
 * @subuid_path: "/etc/subuid"; borrowed for good
 * @alive_fd: stays open in it (--alive-fd); -1 = none
 * @lifeline: a descriptor that ends when the caller's process dies; -1 = none but the socket
 * @answer_ms: how long to wait for what it says of a caller; SPOOL_WITNESS_ANSWER_MS, but in tests
 * Return: 0; -errno.
 */
int spool_witness_start(const char *subuid_path, int alive_fd, int lifeline, int answer_ms,
			struct spool_witness **ret);

/** spool_witness_pid() - its pid, which nobody else gets before we end. NULL is allowed. */
pid_t spool_witness_pid(const struct spool_witness *witness);

/** spool_witness_stop() - from now on nobody waits for an answer: it is "no" at once, if it is not
 * there yet. Any thread. NULL is allowed. */
void spool_witness_stop(struct spool_witness *witness);

/** spool_witness_free() - end it. NULL is allowed. */
void spool_witness_free(struct spool_witness *witness);

/**
 * spool_witness_is_admin() - has thread or process @pid effective CAP_SYS_ADMIN in the initial
 * (our) user and pid namespaces? Good only while its request is pending: the number may mean
 * somebody else afterwards. Any thread.
 */
bool spool_witness_is_admin(struct spool_witness *witness, pid_t pid);

/** spool_witness_has() - has thread or process @pid effective capability @cap (linux/capability.h)
 * in our user namespace? As above, but in any pid namespace. */
bool spool_witness_has(struct spool_witness *witness, pid_t pid, unsigned int cap);

/** spool_witness_has_over() - the same, of an inode of @uid and @gid: also in a user namespace of
 * his own, where both have a number there (capable_wrt_inode_uidgid()). */
bool spool_witness_has_over(struct spool_witness *witness, pid_t pid, unsigned int cap, uid_t uid,
			    gid_t gid);

/** spool_witness_in_group() - is @gid one of the groups of thread or process @pid? Good as above.
 */
bool spool_witness_in_group(struct spool_witness *witness, pid_t pid, gid_t gid);

/** spool_witness_is_dying() - has thread or process @pid a signal that ends it? Good as above. */
bool spool_witness_is_dying(struct spool_witness *witness, pid_t pid);

/** spool_witness_is_daemon() - is thread or process @pid one of a daemon of this program
 * (fs/security/daemons.h)? It may end meanwhile. Any thread. */
bool spool_witness_is_daemon(struct spool_witness *witness, pid_t pid);

/** spool_witness_uid() - the uid with which thread or process @pid opens files, as fsuid in
 * credentials(7). Good as above. Return: (uid_t)-1: no answer. */
uid_t spool_witness_uid(struct spool_witness *witness, pid_t pid);

/**
 * spool_witness_subuids() - @ctx: the witness. A reader for spool_subuids_new().
 * Return: the table, to be freed with free(3); NULL: errno says why: as of spool_subuids_read(), or
 * ETIMEDOUT; ECANCELED was stopped; EFBIG; ESRCH, EPIPE there is no witness; EIO it has no answer.
 */
struct spool_subuid_table *spool_witness_subuids(void *ctx, const char *path, int limit_ms);
