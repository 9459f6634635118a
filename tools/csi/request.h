/* SPDX-License-Identifier: MIT */
#pragma once

/* What a kubelet asks for: the requests NodePublishVolume and NodeUnpublishVolume of CSI. */

#include <stdbool.h>

#include "csi/grpc.h"

/** struct request - zero when unread */
struct request {
	char *volume;  /* its id */
	char *target;  /* where it is to be mounted: an absolute path */
	char *options; /* for spoolfs(8), may be empty */
	bool is_readonly, is_block, has_capability;
	bool is_lasting; /* not an inline volume, which goes with its pod */
};

/**
 * request_read_publish(), request_read_unpublish() - read one
 * @ret: for request_free(), also after a failure
 * Return: GRPC_OK; GRPC_INVALID_ARGUMENT or GRPC_INTERNAL, with the reason in @error.
 */
enum grpc_status request_read_publish(struct proto_bytes message, struct request *ret,
				      char error[GRPC_ERROR]);
enum grpc_status request_read_unpublish(struct proto_bytes message, struct request *ret,
					char error[GRPC_ERROR]);

void request_free(struct request *request);
