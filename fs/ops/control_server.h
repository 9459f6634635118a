/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Serves the socket for the host's administration (ctl/socket.h): one thread, which waits for
 * callers only, and takes no request of the mount. What it answers waits for nothing.
 *
 * A caller who sends nothing, or something else than calls, costs one place of a few, and loses it.
 */

struct spool_fs;
struct spool_control_server;

/**
 * spool_control_server_start() - serve @fd, once the transport stands
 * @fd: listens (process/control_socket.h), or has no name, and then nothing comes; is taken over in
 *	any case
 * Return: 0; -errno.
 */
int spool_control_server_start(struct spool_fs *fs, int fd, struct spool_control_server **ret);

/** spool_control_server_stop() - end it; a call that is being served is answered. NULL is allowed.
 */
void spool_control_server_stop(struct spool_control_server *server);
