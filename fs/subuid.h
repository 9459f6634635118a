/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who pays for a subordinate uid: the user that /etc/subuid gives it to (subuid(5)). With 65,536
 * uids each a user could have as many times his limits.
 *
 * The file is read again when it has changed.
 */

#include <sys/types.h>

struct spool_subuids;

/** spool_subuids_new() - @path: "/etc/subuid"; borrowed; it need not be there. Return: 0; -errno.
 */
int spool_subuids_new(const char *path, struct spool_subuids **ret);

/** spool_subuids_free() - NULL is allowed. */
void spool_subuids_free(struct spool_subuids *subuids);

/**
 * spool_subuids_refresh() - before something is done for @uid: read the file if it has changed
 * Looked at once in a second at most, and never for uids that cannot be subordinate. @subuids may
 * be NULL. Reads a file: no locks.
 */
void spool_subuids_refresh(struct spool_subuids *subuids, uid_t uid);

/** spool_subuids_owner() - @ctx: a struct spool_subuids. Return: who pays for @uid; @uid itself
 * when it is nobody's. Reads no file: any locks. */
uid_t spool_subuids_owner(void *ctx, uid_t uid);
