/* SPDX-License-Identifier: MIT */
#pragma once

/* The calls of the control interface (ctl/proto.h) that begin and end explicit sessions. */

#include <stdint.h>

/**
 * struct spool_ctl_begin - SPOOL_IOC_SESSION_BEGIN: begin an explicit session
 * @kind: enum spool_session_kind: LOGIN: covers who has the audit session @value; CGROUP: who is in
 *	@cgroup or below; DIRECTORY: what is made below the directory that is asked
 * @uid: whose session it is, for administrators; SPOOL_CTL_UNKNOWN: of the owner of the tree that
 *	is asked, in shared the caller's own
 * @holder: the session ends with this process; 0: with SPOOL_IOC_SESSION_END only
 * @id: out
 * Errors: -EPERM another's, or the root of layout private, or the caller is a subordinate uid of
 * somebody, or the root of a container; -EEXIST the same has begun already;
 * -ESRCH the holder is no process; -EXDEV the caller has another pid namespace, so a holder cannot
 * be named; -EDQUOT too many of this owner; -EBUSY another change of the directory is not done yet;
 * -EINVAL; -ENOSPC; -ENOMEM.
 */
struct spool_ctl_begin {
	uint32_t version;
	uint32_t kind;
	uint32_t uid;
	int32_t holder;
	uint64_t value;
	uint64_t id;
	char cgroup[4096];
};

enum spool_ctl_end_op {
	SPOOL_CTL_END_NOW,
	SPOOL_CTL_END_ASK, /* what is left of it? */
};

/**
 * struct spool_ctl_end - SPOOL_IOC_SESSION_END: an explicit session is over
 * @op: enum spool_ctl_end_op; @id: which
 * @left: out: 1: something is to go yet, or the kernel to be told of it
 * @owner: out of NOW, in of ASK: whose it is
 * @stays: out: what has it and is not to go now: it was kept, or holds what is
 * For the owner of the session and administrators. Errors: -ENOENT there is none of his; -EINVAL it
 * is not an explicit one; -EPERM.
 */
struct spool_ctl_end {
	uint32_t version;
	uint32_t op;
	uint32_t left;
	uint32_t owner;
	uint64_t id;
	uint64_t stays;
};
