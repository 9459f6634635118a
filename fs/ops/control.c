/* SPDX-License-Identifier: MIT */

/*
 * The control interface: ioctls on directories of the mount (ctl/proto.h). The size and version of
 * each structure are checked before it is read.
 */

#include "ops/ops_internal.h"

#include <errno.h>
#include <string.h>

#include "ops/control_call.h"
#include "ops/control_debug.h"
#include "ops/control_explicit.h"
#include "ops/control_life.h"
#include "ops/control_list.h"
#include "ops/control_session.h"
#include "ops/control_status.h"
#include "ops/control_tier.h"
#include "ops/control_wipe.h"
#include "ctl/proto.h"
#include "util/macros.h"

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
	static const struct {
		unsigned int cmd;
		void (*fn)(struct control_call *call);
	} calls[] = {
		{(unsigned int)SPOOL_IOC_STATUS, control_status},
		{(unsigned int)SPOOL_IOC_USERS, control_users},
		{(unsigned int)SPOOL_IOC_REQUESTS, control_requests},
		{(unsigned int)SPOOL_IOC_TIER, control_tier},
		{(unsigned int)SPOOL_IOC_SET, control_set},
		{(unsigned int)SPOOL_IOC_SPILL, control_spill},
		{(unsigned int)SPOOL_IOC_DEBUG, control_debug},
		{(unsigned int)SPOOL_IOC_LIST, control_list},
		{(unsigned int)SPOOL_IOC_LIFE, control_life},
		{(unsigned int)SPOOL_IOC_CHANGE, control_change},
		{(unsigned int)SPOOL_IOC_SESSIONS, control_sessions},
		{(unsigned int)SPOOL_IOC_WIPE, control_wipe},
		{(unsigned int)SPOOL_IOC_SESSION_BEGIN, control_begin},
		{(unsigned int)SPOOL_IOC_SESSION_END, control_end},
		{(unsigned int)SPOOL_IOC_WHO, control_who},
		{(unsigned int)SPOOL_IOC_LIVES, control_lives},
	};
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
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(calls); i++) {
		if (calls[i].cmd == cmd && speaks_ours(&call)) {
			calls[i].fn(&call);
			return;
		}
	}
	/* a call of another version: its number includes the size */
	reply_ioctl_refusal(req, -EPROTO, &version,
			    out_size < sizeof(version) ? 0 : sizeof(version));
}
