/* SPDX-License-Identifier: MIT */
#pragma once

/* Requests that go through the channel to handlers of the test's own; answers go to /dev/null. */

#include "engine_rig.h"
#include "fs.h"
#include "transport/request.h"

/** channel_rig_init() - @fs over a new engine in @rig, with a session of libfuse that calls @ops
 * and is past FUSE_INIT */
void channel_rig_init(struct spool_fs *fs, struct engine_rig *rig,
		      const struct fuse_lowlevel_ops *ops);

/** channel_rig_fini() - the queues have been stopped. */
void channel_rig_fini(struct spool_fs *fs, struct engine_rig *rig);

/** channel_rig_tell_nobody() - tell() of a struct spool_notify_config where there is no kernel. */
void channel_rig_tell_nobody(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off,
			     uint64_t len);
