/* SPDX-License-Identifier: MIT */
#pragma once

/* One call of the control interface (lib/ctl/proto.h): its arguments and its caller. */

#include "fs.h"

/** struct control_call - one ioctl on directory @dir; @in: @in_size bytes */
struct control_call {
	fuse_req_t req;
	struct spool_fs *fs;
	struct spool_cred cred;
	fuse_ino_t dir;
	const void *in;
	size_t in_size, out_size;
};

/** control_take_in() - copy the structure that came in. Return: 0; -EINVAL: it has the wrong size.
 */
int control_take_in(void *to, size_t size, const struct control_call *call);

/** control_is_admin() - Return: whether @cred may act for all users. Only while its call is
 * pending. */
bool control_is_admin(const struct spool_fs *fs, const struct spool_cred *cred);
