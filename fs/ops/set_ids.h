/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A change of data or owner clears set-id bits. The kernel leaves that to us
 * (FUSE_HANDLE_KILLPRIV_V2). It says at most that the caller lacks CAP_FSETID, and mostly does not
 * ask for the new mode afterwards. So for a file with such bits we look at the caller's process for
 * what the request does not say, and after the change we tell the kernel to ask for the attributes
 * again. The request is deferred until the kernel has been told.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "ops/reply.h"

/** struct spool_set_ids - the set-id bits of a file before a change; @bits 0: it has none */
struct spool_set_ids {
	fuse_ino_t ino;
	mode_t mode, bits;
	gid_t gid;
};

/** spool_set_ids_of() - Return: the bits of @ino; none for directories and files that have gone. */
struct spool_set_ids spool_set_ids_of(struct spool_fs *fs, fuse_ino_t ino);

/** spool_set_ids_outsider() - Return: SPOOL_OUTSIDER if that matters and holds; else 0. */
unsigned int spool_set_ids_outsider(fuse_req_t req, const struct spool_set_ids *before);

/** spool_set_ids_rule() - for a request that does not say whether the bits are to be cleared.
 * Return: SPOOL_KILL_SUIDGID unless the caller has CAP_FSETID; with it SPOOL_OUTSIDER, as above. */
unsigned int spool_set_ids_rule(fuse_req_t req, const struct spool_set_ids *before);

/** spool_set_ids_tell() - tell the kernel after a change with result @r. Return: true: bits were
 * cleared, and the request is deferred; reply_told() has @r when it is processed again. */
bool spool_set_ids_tell(fuse_req_t req, const struct spool_set_ids *before, ssize_t r);
