/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who pays for a subordinate uid: the user that /etc/subuid gives it to (subuid(5)). With 65,536
 * uids each a user could have as many times his limits.
 *
 * The file names people, and it can take for ever to find out who they are: a directory service
 * does not answer, or asks by way of the very mount. So a thread of its own reads the file again
 * when it has changed, and whoever answers requests goes by what has been read. (libsubid does not
 * serve here: it cannot list what there is, only look up one uid after the other, and a uid is
 * charged to its owner from its first request on.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spool_subuids;

/** struct spool_subuid_table - what stands in the file: @n ranges, one that comes first counts */
struct spool_subuid_table {
	size_t n;
	struct spool_subuid_range {
		uid_t first, last, owner;
	} ranges[];
};

/** spool_read_subuids_fn - may take long, but spool_subuids_free() waits for it. Return: a table,
 * to be freed with free(3); NULL: it cannot be had now. */
typedef struct spool_subuid_table *(*spool_read_subuids_fn)(void *ctx, const char *path);

/** spool_subuids_read() - a reader that reads the file itself, by getpwnam(3) where it has names.
 * @ctx: not used. What is not there or cannot be understood is left out. */
struct spool_subuid_table *spool_subuids_read(void *ctx, const char *path);

/** spool_subuids_size() - Return: the bytes of a table. */
size_t spool_subuids_size(const struct spool_subuid_table *table);

/** spool_subuids_is_table() - are these @size bytes a whole table? */
bool spool_subuids_is_table(const void *bytes, size_t size);

/**
 * spool_subuids_new() - reads the table
 * @path: "/etc/subuid"; borrowed; it need not be there
 * @reader: how it is read; @ctx: is passed to it
 * Return: 0; -errno.
 */
int spool_subuids_new(const char *path, spool_read_subuids_fn reader, void *ctx,
		      struct spool_subuids **ret);

/** spool_subuids_free() - NULL is allowed. */
void spool_subuids_free(struct spool_subuids *subuids);

/**
 * spool_subuids_refresh() - something is done for @uid: the file is to be read if it has changed
 * Looked at once in a second at most, and never for uids that cannot be subordinate. @subuids may
 * be NULL. Waits for nothing: a change holds for later requests.
 */
void spool_subuids_refresh(struct spool_subuids *subuids, uid_t uid);

/** spool_subuids_owner() - @ctx: a struct spool_subuids. Return: who pays for @uid; @uid itself
 * when it is nobody's. Reads no file: any locks. */
uid_t spool_subuids_owner(void *ctx, uid_t uid);
