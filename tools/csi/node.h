/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The services Identity and Node of the Container Storage Interface, version 1, as far as inline
 * volumes need them: those that a pod describes itself, and that go with it.
 */

#include "csi/grpc.h"
#include "csi/target.h"

#define NODE_DRIVER "csi.spoolfs"

/** struct node - @id: of this node, what it is called in the cluster */
struct node {
	const char *id;
	struct target_settings settings;
};

/** node_call() - of struct grpc_service; @arg: a struct node */
enum grpc_status node_call(void *arg, const char *method, struct proto_bytes request,
			   struct proto_buffer *reply, char error[GRPC_ERROR]);
