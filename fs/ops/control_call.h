/* SPDX-License-Identifier: MIT */
#pragma once

/* One call of the control interface (lib/ctl/proto.h): what came in, and from whom. */

#include "fs.h"

/** struct control_call - one ioctl; @dir: the directory that was asked; @in: @in_size bytes */
struct control_call {
	fuse_req_t req;
	struct spool_fs *fs;
	struct spool_cred cred;
	fuse_ino_t dir;
	const void *in;
	size_t in_size, out_size;
};

/** control_take_in() - the structure that came in, when it has the size that it must have. Return:
 * 0; -EINVAL. */
int control_take_in(void *to, size_t size, const struct control_call *call);

/** control_is_admin() - may @cred act for all? Good only while its call is pending. */
bool control_is_admin(const struct spool_fs *fs, const struct spool_cred *cred);
