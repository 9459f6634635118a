/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The socket for the host's administration (ctl/socket.h), as a file. The supervisor makes it
 * before it forks the worker, which serves it (ops/control_server.h), and gives it its name once it
 * knows the device of the mount.
 */

#include <sys/types.h>

#include "util/log.h"

/** spool_control_socket_new() - one without a name. Return: a descriptor; -errno. */
int spool_control_socket_new(void);

/**
 * spool_control_socket_publish() - give it the name of @device, and listen
 * The directory is made when it is not there. It is logged when there is none in which only we can
 * make files: the mount then goes without a socket.
 * Return: 0; -errno, after what is to be logged.
 */
int spool_control_socket_publish(int fd, dev_t device, struct spool_log *log);

/**
 * spool_control_socket_remove() - remove the name that @supervisor has given
 * Once it is unmounted another mount may have the number, and its name is left alone. One that
 * cannot be told from that stays, too: the next daemon with that number replaces it.
 */
void spool_control_socket_remove(dev_t device, pid_t supervisor);
