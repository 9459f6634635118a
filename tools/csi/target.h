/* SPDX-License-Identifier: MIT */
#pragma once

/* The mounts of pods, each on the directory that the kubelet has named. The mount table says what
 * there is, so nothing is to be remembered. */

#include "csi/grpc.h"

/** struct target_settings - for all volumes */
struct target_settings {
	const char *options; /* of the administrator, which count; may be empty */
	const char *cgroup;  /* for their daemons, a directory; NULL: that of this process */
};

/**
 * target_mount() - mount on @path, unless that was done before and its daemon lives
 * Return: GRPC_OK; GRPC_INVALID_ARGUMENT: an option is wrong; GRPC_INTERNAL. What was made is
 * removed then, and @error has the reason, in the daemon's words if it has said any.
 */
enum grpc_status target_mount(const struct target_settings *settings, const char *path,
			      const char *options, char error[GRPC_ERROR]);

/** target_unmount() - unmount, and remove @path; also one that is not there. Return: GRPC_OK;
 * GRPC_INTERNAL, with the reason in @error. */
enum grpc_status target_unmount(const char *path, char error[GRPC_ERROR]);
