/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A server of gRPC on a Unix socket: unary calls, in cleartext HTTP/2, which nghttp2 reads and
 * writes. Calls are answered one after the other.
 */

#include <stddef.h>
#include <stdint.h>

#include "csi/proto.h"

/* Status codes of gRPC, as far as they are used. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
};

/* A request of CSI is far shorter: 4 MiB are what gRPC takes if nothing else is said. */
#define GRPC_REQUEST_MAX ((size_t)4 << 20)

/* Of the text of an error, with its NUL. */
#define GRPC_ERROR 1024

/**
 * struct grpc_service - what answers
 * @call: gets a method, as "/csi.v1.Identity/Probe", and the message; fills @reply, or says in
 * @error why not
 */
struct grpc_service {
	enum grpc_status (*call)(void *arg, const char *method, struct proto_bytes request,
				 struct proto_buffer *reply, char error[GRPC_ERROR]);
	void *arg;
};

/**
 * grpc_serve() - serve until a signal
 * @listener: a socket that listens; not closed
 * @signals: of signalfd(2): when there is something to read the server ends
 * Return: 0; -errno of poll(2).
 */
int grpc_serve(int listener, int signals, const struct grpc_service *service);
