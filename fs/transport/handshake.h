/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The beginning of a connection: the answer to FUSE_INIT accepts what the kernel offers beyond
 * libfuse's knowledge, and the transport is chosen: rings where they can be had, else /dev/fuse.
 */

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct spool_fs;
struct spool_request;

/** spool_handshake_max_write() - bytes of data in the largest request that this kernel allows. */
size_t spool_handshake_max_write(void);

/**
 * spool_handshake_answer() - send libfuse's answer to FUSE_INIT, extended, and bring the
 * transport up. Called in the thread that has read the request. Return: bytes; -errno.
 */
ssize_t spool_handshake_answer(struct spool_fs *fs, struct spool_request *request, int fd,
			       struct iovec *iov, int count);
