/* SPDX-License-Identifier: MIT */
#include "volume/http.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/processes.h"
#include "util/macros.h"

#define CONTENT_TYPE "application/vnd.docker.plugins.v1.1+json"

/* Of what is too long, so much is read before the connection is cut. */
#define DISCARD_MAX (16 * (size_t)HTTP_REQUEST_MAX)

/* Bytes of memory for a connection, in which its head must fit. A guess. */
#define CONNECTION_MEMORY ((size_t)32 << 10)

struct http {
	struct MHD_Daemon *daemon;
	int epoll; /* of the library */
	struct life *life;
	const char *dir;
};

/* A request that comes in. */
struct incoming {
	size_t size; /* of what has come, of which the first HTTP_REQUEST_MAX bytes are in @body */
	char body[HTTP_REQUEST_MAX];
};

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct requests_answer answer)
{
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!answer.text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(answer.text), answer.text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer.text);
		return MHD_NO;
	}
	r = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE);
	if (r == MHD_YES)
		r = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return r;
}

/* The process at the other end; its pid is 0 where it has none here. */
static struct volume_engine engine_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct process process = {0};
	struct ucred cred = {0};
	socklen_t size = sizeof(cred);

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ||
	    cred.pid <= 0 || !processes_read("/proc", cred.pid, &process))
		return (struct volume_engine){.pid = 0};
	return (struct volume_engine){.pid = cred.pid, .start = process.start};
}

/* What its head says. */
static enum MHD_Result begin(struct MHD_Connection *connection, const char *method, void **ret)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct incoming *incoming;

	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return send_answer(connection, requests_refuse(MHD_HTTP_BAD_REQUEST,
							       "another method (allowed: POST)"));
	if (length && strtoull(length, NULL, 10) > HTTP_REQUEST_MAX)
		return send_answer(
			connection,
			requests_refuse(MHD_HTTP_BAD_REQUEST, "too long a body (allowed: 64 KiB)"));
	incoming = malloc(sizeof(*incoming));
	if (!incoming)
		return MHD_NO;
	incoming->size = 0;
	*ret = incoming;
	return MHD_YES;
}

static enum MHD_Result take(struct incoming *incoming, const char *data, size_t *size)
{
	if (incoming->size < HTTP_REQUEST_MAX)
		memcpy(incoming->body + incoming->size, data,
		       spool_min_u64(*size, HTTP_REQUEST_MAX - incoming->size));
	incoming->size += *size;
	*size = 0;
	return incoming->size <= DISCARD_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **own)
{
	const struct http *http = arg;
	struct incoming *incoming = *own;
	struct volume_engine engine;

	(void)version;
	if (!incoming)
		return begin(connection, method, own);
	if (*size)
		return take(incoming, data, size);
	if (incoming->size > HTTP_REQUEST_MAX)
		return send_answer(
			connection,
			requests_refuse(MHD_HTTP_BAD_REQUEST, "too long a body (allowed: 64 KiB)"));
	engine = engine_of(connection);
	return send_answer(connection, requests_answer(http->life, http->dir, url, incoming->body,
						       incoming->size, &engine));
}

static void end(void *arg, struct MHD_Connection *connection, void **own,
		enum MHD_RequestTerminationCode how)
{
	(void)arg;
	(void)connection;
	(void)how;
	free(*own);
	*own = NULL;
}

int http_new(int socket, struct life *life, const char *dir, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	const union MHD_DaemonInfo *info;

	if (!http)
		return -ENOMEM;
	http->life = life;
	http->dir = dir;
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, socket,
		MHD_OPTION_CONNECTION_LIMIT, HTTP_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
		HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, end, NULL, MHD_OPTION_END);
	info = http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		if (http->daemon)
			MHD_quiesce_daemon(http->daemon); /* the socket stays the caller's */
		http_free(http);
		return -EIO;
	}
	http->epoll = info->epoll_fd;
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (http && http->daemon)
		MHD_stop_daemon(http->daemon);
	free(http);
}

int http_fd(const struct http *http)
{
	return http->epoll;
}

int http_timeout(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(http->daemon, &ms) != MHD_YES)
		return -1;
	return (int)spool_min_u64(ms, INT_MAX);
}

void http_run(struct http *http)
{
	MHD_run(http->daemon);
}
