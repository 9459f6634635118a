/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Set-id bits that go with a change of data or owner. The kernel leaves that to us
 * (FUSE_HANDLE_KILLPRIV_V2): it says, at most, that the caller lacks CAP_FSETID, and does not look
 * at the mode again by itself, or not for those who ask for nothing else. So where there are such
 * bits the caller's process is looked at for what the request does not tell, and afterwards the
 * kernel is told to look again; the answer waits for that, without a thread.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "ops/reply.h"

/** struct spool_set_ids - of a file before it is changed; @bits: 0: there are none */
struct spool_set_ids {
	fuse_ino_t ino;
	mode_t mode, bits;
	gid_t gid;
};

/** spool_set_ids_of() - those of @ino; of one that is gone, and of directories, none. */
struct spool_set_ids spool_set_ids_of(struct spool_fs *fs, fuse_ino_t ino);

/** spool_set_ids_outsider() - Return: SPOOL_OUTSIDER where it matters and is so, else 0. */
unsigned int spool_set_ids_outsider(fuse_req_t req, const struct spool_set_ids *before);

/** spool_set_ids_rule() - for a request that does not say that the bits go. Return:
 * SPOOL_KEEP_SUIDGID for who has CAP_FSETID; SPOOL_OUTSIDER; 0. */
unsigned int spool_set_ids_rule(fuse_req_t req, const struct spool_set_ids *before);

/** spool_set_ids_tell() - after the change, whose result is @r. Return: true: bits have gone, and
 * the request is put aside; reply_told() has @r when it comes again. */
bool spool_set_ids_tell(fuse_req_t req, const struct spool_set_ids *before, ssize_t r);
