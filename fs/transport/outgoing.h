/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What libfuse sends passes through us before the kernel gets it.
 *
 * libfuse has fuse_session_custom_io() for that, but from 3.18.3 on only where it was built with
 * enable-custom-io, which distributions do not do. It sends by writev(2), though, and the dynamic
 * linker looks for a function in the program before it does so in libc: the writev() of this module
 * is the one that libfuse gets. For all other callers it is the system call.
 */

#include <sys/types.h>
#include <sys/uio.h>

struct fuse_session;

/**
 * struct spool_outgoing - who gets what a thread sends
 * @fd: what is sent there; all else goes its way
 * @send: instead of writev(2), with its return value
 */
struct spool_outgoing {
	int fd;
	ssize_t (*send)(void *ctx, const struct iovec *iov, int count);
	void *ctx;
};

/** spool_outgoing_catch() - from here on, what this thread sends goes to @outgoing, which must
 * stay; NULL: no more. */
void spool_outgoing_catch(const struct spool_outgoing *outgoing);

/** spool_outgoing_send() - the system call: as writev(2), and never caught. */
ssize_t spool_outgoing_send(int fd, const struct iovec *iov, int count);

/**
 * spool_outgoing_attach() - have @session send to @fd
 * @fd: the session's from here on: it closes it. Return: 0; -EBADF when it is not open.
 */
int spool_outgoing_attach(struct fuse_session *session, int fd);
