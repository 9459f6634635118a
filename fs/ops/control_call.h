/* SPDX-License-Identifier: MIT */
#pragma once

/* One call of the control interface (lib/ctl/proto.h): its arguments and its caller. */

#include "fs.h"

/** struct control_call - one ioctl on directory @dir; @in: @in_size bytes
 * @req: NULL: it has come by the socket, for administrators (control_server.h), about the mount as
 *	a whole. The answer goes to @answer, of @out_size bytes, and @result: 0; -errno. */
struct control_call {
	fuse_req_t req;
	struct spool_fs *fs;
	struct spool_cred cred;
	fuse_ino_t dir;
	const void *in;
	size_t in_size, out_size;
	void *answer;
	int result;
};

/** control_take_in() - copy the structure that came in. Return: 0; -EINVAL: it has the wrong size.
 */
int control_take_in(void *to, size_t size, const struct control_call *call);

/** control_answer() - the answer: @size bytes at @buf, or the error @r (-errno). */
void control_answer(struct control_call *call, int r, const void *buf, size_t size);

/** control_waits() - Return: whether the call is to wait until what has been removed counts no more
 * (reply_waits()): then SPOOL_COUNT_FIRST is the answer for now. */
bool control_waits(const struct control_call *call);

/** control_may_administer() - Return: whether the caller may act for all users. Only while the call
 * is pending. */
bool control_may_administer(const struct control_call *call);

/** control_owner() - whose sessions the caller's are: who pays for what he makes there
 * (ops/maker.c). By what the call knows of him: on a mount with idmaps the request does not say it.
 */
uid_t control_owner(const struct control_call *call);

/**
 * control_has_sessions() - are those of control_owner() the caller's own, to be listed and ended?
 * Not those of root for the root of a container, that is uid 0 without the powers of the host's;
 * nor those of a user for his subordinate uids, in which he runs what he trusts less than himself.
 */
bool control_has_sessions(const struct control_call *call);
