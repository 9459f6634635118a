/* SPDX-License-Identifier: MIT */
#include "csi/node.h"

#include <stdio.h>
#include <string.h>

#include "csi/request.h"
#include "util/macros.h"

/* Fields of csi.v1. */
enum info { INFO_NAME = 1, INFO_VERSION };
enum node_info { NODE_INFO_ID = 1 };
enum probe { PROBE_READY = 1 };
enum bool_value { BOOL_VALUE = 1 };

static enum grpc_status get_info(const struct node *node, struct proto_bytes request,
				 struct proto_buffer *reply, char error[GRPC_ERROR])
{
	(void)node;
	(void)request;
	(void)error;
	proto_put_text(reply, INFO_NAME, NODE_DRIVER);
	proto_put_text(reply, INFO_VERSION, SPOOL_VERSION);
	return GRPC_OK;
}

/* No capabilities: neither of a controller, nor of stages and sizes that change. */
static enum grpc_status get_nothing(const struct node *node, struct proto_bytes request,
				    struct proto_buffer *reply, char error[GRPC_ERROR])
{
	(void)node;
	(void)request;
	(void)reply;
	(void)error;
	return GRPC_OK;
}

static enum grpc_status probe(const struct node *node, struct proto_bytes request,
			      struct proto_buffer *reply, char error[GRPC_ERROR])
{
	struct proto_buffer ready = {0};

	(void)node;
	(void)request;
	(void)error;
	proto_put_number(&ready, BOOL_VALUE, 1);
	reply->failed |= ready.failed;
	proto_put_bytes(reply, PROBE_READY,
			(struct proto_bytes){.data = ready.data, .size = ready.size});
	proto_free(&ready);
	return GRPC_OK;
}

static enum grpc_status get_node_info(const struct node *node, struct proto_bytes request,
				      struct proto_buffer *reply, char error[GRPC_ERROR])
{
	(void)request;
	(void)error;
	proto_put_text(reply, NODE_INFO_ID, node->id);
	return GRPC_OK;
}

static enum grpc_status publish(const struct node *node, struct proto_bytes message,
				struct proto_buffer *reply, char error[GRPC_ERROR])
{
	struct request request;
	enum grpc_status status = request_read_publish(message, &request, error);

	(void)reply;
	if (status == GRPC_OK)
		status = target_mount(&node->settings, request.target, request.options, error);
	request_free(&request);
	return status;
}

static enum grpc_status unpublish(const struct node *node, struct proto_bytes message,
				  struct proto_buffer *reply, char error[GRPC_ERROR])
{
	struct request request;
	enum grpc_status status = request_read_unpublish(message, &request, error);

	(void)node;
	(void)reply;
	if (status == GRPC_OK)
		status = target_unmount(request.target, error);
	request_free(&request);
	return status;
}

static const struct {
	const char *method;
	enum grpc_status (*call)(const struct node *node, struct proto_bytes request,
				 struct proto_buffer *reply, char error[GRPC_ERROR]);
} calls[] = {
	{"/csi.v1.Identity/GetPluginInfo", get_info},
	{"/csi.v1.Identity/GetPluginCapabilities", get_nothing},
	{"/csi.v1.Identity/Probe", probe},
	{"/csi.v1.Node/NodeGetInfo", get_node_info},
	{"/csi.v1.Node/NodeGetCapabilities", get_nothing},
	{"/csi.v1.Node/NodePublishVolume", publish},
	{"/csi.v1.Node/NodeUnpublishVolume", unpublish},
};

enum grpc_status node_call(void *arg, const char *method, struct proto_bytes request,
			   struct proto_buffer *reply, char error[GRPC_ERROR])
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(calls); i++) {
		if (strcmp(calls[i].method, method) == 0)
			return calls[i].call(arg, request, reply, error);
	}
	snprintf(error, GRPC_ERROR, "%.200s: not a call of this plugin", method);
	return GRPC_UNIMPLEMENTED;
}
