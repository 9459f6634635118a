/* SPDX-License-Identifier: MIT */

/*
 * The control interface: ioctls on directories of the mount (ctl/proto.h). The size and version of
 * each structure are checked before it is read.
 */

#include "ops/ops_internal.h"

#include <errno.h>
#include <string.h>

#include "ops/control_call.h"
#include "ops/control_table.h"
#include "ctl/proto.h"

static bool speaks_ours(const struct control_call *call)
{
	uint32_t version;

	if (call->in_size < sizeof(version))
		return false;
	memcpy(&version, call->in, sizeof(version));
	return version == SPOOL_CTL_VERSION;
}

void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in_buf, size_t in_size,
	      size_t out_size)
{
	const struct control_entry *entry = control_find(cmd);
	struct control_call call = {
		.req = req,
		.fs = fs_of(req),
		.cred = reply_known_cred(req),
		.dir = ino,
		.in = in_buf,
		.in_size = in_size,
		.out_size = out_size,
	};
	const uint32_t version = SPOOL_CTL_VERSION;

	(void)arg;
	(void)fi;
	if (_IOC_TYPE(cmd) != SPOOL_CTL_MAGIC || !(flags & FUSE_IOCTL_DIR) ||
	    (flags & FUSE_IOCTL_COMPAT)) {
		reply_ioctl(req, -ENOTTY, NULL, 0);
		return;
	}
	if (entry && speaks_ours(&call)) {
		entry->fn(&call);
		return;
	}
	/* a call of another version: its number includes the size */
	reply_ioctl_refusal(req, -EPROTO, &version,
			    out_size < sizeof(version) ? 0 : sizeof(version));
}
