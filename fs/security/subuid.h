/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The payer of a subordinate uid is the user that /etc/subuid gives it to (subuid(5)). Otherwise a
 * user with 65,536 such uids could have 65,536 times his limits.
 *
 * The file has names of users, and looking them up may take for ever: a directory service may not
 * answer, or may itself need a file on this mount. So a thread reads the file again when it has
 * changed, and requests go by what was read last. (libsubid is of no use here. It cannot list all
 * ranges, only look up one uid after the other, and the owner pays from a uid's first request on.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spool_log;
struct spool_subuids;

/** struct spool_subuid_table - the @n ranges of the file; where two overlap the first one counts */
struct spool_subuid_table {
	size_t n;
	struct spool_subuid_range {
		uid_t first, last, owner;
	} ranges[];
};

/** spool_read_subuids_fn - read the file within @limit_ms (< 0: no limit); spool_subuids_free()
 * waits for it. Return: a table, to be freed with free(3); NULL: it cannot be read now, errno says
 * why: ECANCELED as nobody wants it any more. */
typedef struct spool_subuid_table *(*spool_read_subuids_fn)(void *ctx, const char *path,
							    int limit_ms);

/** spool_subuids_read() - a reader that opens the file itself and looks names up by getpwnam_r(3).
 * @ctx, @limit_ms: not used. Leaves out lines that it cannot understand and those whose user does
 * not exist. A file that is not there is an empty one. Return: NULL: it cannot be read as a whole,
 * or a user cannot be looked up, and so nobody knows who pays; errno says why. */
struct spool_subuid_table *spool_subuids_read(void *ctx, const char *path, int limit_ms);

/** spool_subuids_size() - Return: the size of a table in bytes. */
size_t spool_subuids_size(const struct spool_subuid_table *table);

/** spool_subuids_is_table() - Return: whether these @size bytes are a whole table. */
bool spool_subuids_is_table(const void *bytes, size_t size);

/**
 * spool_subuids_new() - read the table
 * Where that takes longer than a second, spool_subuids_refresh() has it read later.
 * @path: "/etc/subuid"; borrowed; it need not be there
 * @reader: reads it, and is called with @ctx
 * @log: is told once when it cannot be read, and when it can again; borrowed, may be NULL
 * Return: 0; -errno.
 */
int spool_subuids_new(const char *path, spool_read_subuids_fn reader, void *ctx,
		      struct spool_log *log, struct spool_subuids **ret);

/** spool_subuids_free() - NULL is allowed. */
void spool_subuids_free(struct spool_subuids *subuids);

/**
 * spool_subuids_refresh() - have the file read again if it has changed, as @uid makes a request
 * The thread looks once in a second at most, and never for uids that cannot be subordinate.
 * @subuids may be NULL. Does not wait: a change counts for later requests.
 */
void spool_subuids_refresh(struct spool_subuids *subuids, uid_t uid);

/**
 * spool_subuids_check() - does the table say what the file says now?
 * Not under a lock of the engine, nor where a request waits: it asks for the attributes of the
 * file. Return: 0; -EAGAIN the file has changed, and the thread is told to read it.
 */
int spool_subuids_check(struct spool_subuids *subuids);

/** spool_subuids_owner() - @ctx: a struct spool_subuids. Return: the user who pays for @uid; @uid
 * itself when it is not subordinate. Reads no file. Any locks. */
uid_t spool_subuids_owner(void *ctx, uid_t uid);
