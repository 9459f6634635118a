/* SPDX-License-Identifier: MIT */
#include "csi/grpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "util/macros.h"

/* A kubelet and its sidecars have one or two. A guess. */
#define CONNECTIONS 16
#define STREAMS 16

/* In front of each message: whether it is compressed, and its length. */
#define PREFIX 5

struct connection {
	int fd; /* -1: none */
	nghttp2_session *session;
	const struct grpc_service *service;
	LIST_HEAD(, stream) streams;
};

/* A call. */
struct stream {
	LIST_ENTRY(stream) link;
	char method[128];
	struct proto_buffer request, reply; /* with their prefixes */
	size_t sent;
	char status[12];
	char message[3 * GRPC_ERROR]; /* percent-encoded */
};

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .namelen = strlen(name),
			    .value = (uint8_t *)(uintptr_t)value,
			    .valuelen = strlen(value)};
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct connection *connection = arg;
	struct stream *stream;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	LIST_INSERT_HEAD(&connection->streams, stream, link);
	return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t size, uint8_t flags, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)arg;
	/* a method that is too long is none of ours, cut or not */
	if (stream && name_size == 5 && memcmp(name, ":path", 5) == 0)
		snprintf(stream->method, sizeof(stream->method), "%.*s",
			 (int)spool_min_u64(size, 1024), (const char *)value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t size, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)arg;
	if (!stream)
		return 0;
	if (stream->request.size + size > GRPC_REQUEST_MAX + PREFIX)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id,
						 NGHTTP2_ENHANCE_YOUR_CALM);
	proto_append(&stream->request, data, size);
	return stream->request.failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void free_stream(struct stream *stream)
{
	LIST_REMOVE(stream, link);
	proto_free(&stream->request);
	proto_free(&stream->reply);
	free(stream);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)code;
	(void)arg;
	if (stream)
		free_stream(stream);
	return 0;
}

/* The value of a header: what is not printable, and the percent sign, as %XX. */
static void encode(const char *text, char *ret)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e || c == '%')
			ret += sprintf(ret, "%%%02X", c);
		else
			*ret++ = (char)c;
	}
	*ret = '\0';
}

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
			  uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct stream *stream = source->ptr;
	size_t n = spool_min_u64(size, stream->reply.size - stream->sent);
	nghttp2_nv trailer = header("grpc-status", stream->status);

	(void)arg;
	memcpy(to, stream->reply.data + stream->sent, n);
	stream->sent += n;
	if (stream->sent == stream->reply.size) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (nghttp2_submit_trailer(session, id, &trailer, 1) != 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return (ssize_t)n;
}

static int submit(nghttp2_session *session, int32_t id, struct stream *stream, bool has_reply)
{
	const nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_reply};
	const nghttp2_nv headers[] = {
		header(":status", "200"), header("content-type", "application/grpc"),
		header("grpc-status", stream->status), header("grpc-message", stream->message)};

	/* without a message the status comes with the headers */
	return nghttp2_submit_response(session, id, headers, has_reply ? 2 : 4,
				       has_reply ? &provider : NULL);
}

/* One message, not compressed. */
static bool is_whole(const struct proto_buffer *request)
{
	uint32_t length;

	if (request->size < PREFIX || request->data[0] != 0)
		return false;
	memcpy(&length, request->data + 1, sizeof(length));
	return ntohl(length) == request->size - PREFIX;
}

static int answer(nghttp2_session *session, int32_t id, const struct grpc_service *service)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	enum grpc_status status = GRPC_INVALID_ARGUMENT;
	char error[GRPC_ERROR] = "not a message";
	uint8_t prefix[PREFIX] = {0};
	uint32_t length;

	if (!stream)
		return 0;
	proto_append(&stream->reply, prefix, sizeof(prefix));
	if (is_whole(&stream->request))
		status = service->call(service->arg, stream->method,
				       (struct proto_bytes){.data = stream->request.data + PREFIX,
							    .size = stream->request.size - PREFIX},
				       &stream->reply, error);
	if (status == GRPC_OK && stream->reply.failed) {
		status = GRPC_INTERNAL;
		snprintf(error, sizeof(error), "out of memory");
	}
	if (status == GRPC_OK) {
		length = htonl((uint32_t)(stream->reply.size - PREFIX));
		memcpy(stream->reply.data + 1, &length, sizeof(length));
	}
	snprintf(stream->status, sizeof(stream->status), "%d", (int)status);
	encode(error, stream->message);
	return submit(session, id, stream, status == GRPC_OK);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	const struct connection *connection = arg;

	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	return answer(session, frame->hd.stream_id, connection->service);
}

static ssize_t send_some(nghttp2_session *session, const uint8_t *data, size_t size, int flags,
			 void *arg)
{
	const struct connection *connection = arg;
	ssize_t n = send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)session;
	(void)flags;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NGHTTP2_ERR_WOULDBLOCK
							 : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static void disconnect(struct connection *connection)
{
	nghttp2_session_del(connection->session);
	while (!LIST_EMPTY(&connection->streams)) /* it does not close them */
		free_stream(LIST_FIRST(&connection->streams));
	connection->fd = spool_close(connection->fd);
	connection->session = NULL;
}

static int new_session(struct connection *connection)
{
	const nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS};
	nghttp2_session_callbacks *callbacks;
	int r = nghttp2_session_callbacks_new(&callbacks);

	if (r != 0)
		return r;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_send_callback(callbacks, send_some);
	r = nghttp2_session_server_new(&connection->session, callbacks, connection);
	nghttp2_session_callbacks_del(callbacks);
	if (r != 0)
		return r;
	return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &settings, 1);
}

/* One that comes when there are too many is closed at once. */
static void take_connection(int listener, struct connection *all,
			    const struct grpc_service *service)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CONNECTIONS; i++) {
		if (all[i].fd >= 0)
			continue;
		all[i] = (struct connection){.fd = fd, .service = service};
		if (new_session(&all[i]) != 0)
			disconnect(&all[i]);
		return;
	}
	spool_close(fd);
}

/* Return: false: it is over. */
static bool go_on(struct connection *connection, short events)
{
	uint8_t data[16384];
	ssize_t n = 0;

	if (events & (POLLIN | POLLHUP | POLLERR)) {
		n = recv(connection->fd, data, sizeof(data), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
	}
	if (n > 0 && nghttp2_session_mem_recv(connection->session, data, (size_t)n) < 0)
		return false;
	if (nghttp2_session_send(connection->session) != 0)
		return false;
	return nghttp2_session_want_read(connection->session) ||
	       nghttp2_session_want_write(connection->session);
}

int grpc_serve(int listener, int signals, const struct grpc_service *service)
{
	struct pollfd fds[CONNECTIONS + 2];
	struct connection all[CONNECTIONS];
	int r = 0;

	for (size_t i = 0; i < CONNECTIONS; i++)
		all[i] = (struct connection){.fd = -1};
	fds[CONNECTIONS] = (struct pollfd){.fd = signals, .events = POLLIN};
	fds[CONNECTIONS + 1] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (;;) {
		for (size_t i = 0; i < CONNECTIONS; i++)
			fds[i] = (struct pollfd){
				.fd = all[i].fd,
				.events =
					all[i].session && nghttp2_session_want_write(all[i].session)
						? POLLIN | POLLOUT
						: POLLIN};
		r = poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno != EINTR ? -errno : 0;
		if (r < 0 || fds[CONNECTIONS].revents)
			break;
		for (size_t i = 0; i < CONNECTIONS; i++) {
			if (fds[i].revents && !go_on(&all[i], fds[i].revents))
				disconnect(&all[i]);
		}
		if (fds[CONNECTIONS + 1].revents)
			take_connection(listener, all, service);
	}
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (all[i].fd >= 0)
			disconnect(&all[i]);
	}
	return r;
}
