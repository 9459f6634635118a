/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Takes requests from a socket, by libmicrohttpd, in the thread that calls it. A client is given
 * HTTP_REQUEST_MAX bytes of body and HTTP_IDLE_S seconds between two bytes, and all together
 * HTTP_CLIENTS connections; the socket is for root, so that nobody else can use them up.
 */

#include <poll.h>

#include "volume/requests.h"

#define HTTP_REQUEST_MAX 65536u /* bytes; a guess: a request of docker's has 200 */
#define HTTP_IDLE_S 5u          /* a guess */
#define HTTP_CLIENTS 64u        /* a guess: docker keeps a few open */

struct http;

/**
 * http_new() - serve @socket
 * @socket: listens, and is taken over on success
 * @life, @dir: as of requests_answer(), the caller's
 * Return: 0; -ENOMEM or -EIO: the library does not start.
 */
int http_new(int socket, struct life *life, const char *dir, struct http **ret);

/** http_free() - close all connections, and the socket. NULL is allowed. */
void http_free(struct http *http);

/** http_fd() - to be polled for POLLIN, for http_run() */
int http_fd(const struct http *http);

/** http_timeout() - ms until http_run() is to be called, whatever happens; -1: not */
int http_timeout(const struct http *http);

/** http_run() - read, answer, and write what can be now */
void http_run(struct http *http);
