/* SPDX-License-Identifier: MIT */
#pragma once

/* The tools' end of the control interface (ctl/proto.h). */

#include <sys/types.h>

#include "ctl/proto.h"

/* How long the daemon's socket may take to take a call, and to answer it. It waits for nothing, so
 * one that takes longer hangs. A guess. */
#define SPOOL_CTL_SOCKET_LIMIT_S 5

/**
 * spool_ctl_open() - a directory of the mount, to ask its daemon through
 * Return: a descriptor, to be closed by the caller; -errno.
 */
int spool_ctl_open(const char *dir);

/**
 * spool_ctl_connect() - the socket of the daemon of mount @device (ctl/socket.h), to ask it through
 * @uid: the user of the daemon. Another one that listens there is none: -EPERM
 * Return: a descriptor, to be closed by the caller; -errno, -ENOENT and -ECONNREFUSED: no daemon.
 */
int spool_ctl_connect(uid_t uid, dev_t device);

/**
 * spool_ctl_call() - make a call (ctl/proto.h)
 * @fd: of spool_ctl_open() or spool_ctl_connect(); @call: SPOOL_IOC_...; @data: its structure,
 *	which goes in and comes out
 * Return: 0; -errno, also of ioctl(2) itself; of a socket as well -ETIMEDOUT, -ECONNABORTED: the
 * daemon has ended, and what struct spool_ctl_message names. After one of those it cannot be used.
 */
int spool_ctl_call(int fd, unsigned int call, void *data);

/**
 * spool_ctl_set() - ask the daemon to change an option of the live mount
 * @option: "name=value"
 * @ret_message: a line that says why the option is refused, with "spoolfs: " in front
 * Return: 0; an errno, which is positive, when the option is refused; -errno when the daemon could
 * not be asked (see spool_ctl_reason()), with @ret_message unchanged.
 */
int spool_ctl_set(int fd, const char *option, char ret_message[SPOOL_CTL_TEXT * 2]);

/**
 * spool_ctl_reason() - what it means that a call has failed, in a few words
 * @error: an errno. Return: a static string, or strerror(3)'s.
 */
const char *spool_ctl_reason(int error);
