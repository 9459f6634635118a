/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The beginning of a connection: the answer to FUSE_INIT accepts what the kernel offers beyond
 * libfuse's knowledge, and the transport is chosen: rings where they can be had, else /dev/fuse.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuse_init_out;
struct spool_fs;
struct spool_request;

/** spool_handshake_max_write() - bytes of data in the largest request that this kernel allows, and
 * that a daemon can bear which may use @ram bytes. */
size_t spool_handshake_max_write(uint64_t ram);

/**
 * struct spool_handshake_room - for libfuse's answer to FUSE_INIT, until it is sent
 * The header, and the longest payload that there is (struct fuse_init_out).
 */
struct spool_handshake_room {
	uint64_t header[2];
	uint64_t out[8];
};

/** spool_handshake_prepare() - @request, a FUSE_INIT, gets @room for its answer. */
void spool_handshake_prepare(struct spool_request *request, struct spool_handshake_room *room);

/**
 * spool_handshake_finish() - send libfuse's answer to FUSE_INIT, extended, and start the rings
 * To be called by whoever has read @request from @fd, after libfuse has answered it. Return: 1: the
 * connection stands, and what comes over rings is served (fs->rings); 0: it stands, and all goes
 * over /dev/fuse; -errno: it does not stand.
 */
int spool_handshake_finish(struct spool_fs *fs, const struct spool_request *request, int fd);

/** struct spool_handshake_extra - what the answer to FUSE_INIT is to accept beyond libfuse's own */
struct spool_handshake_extra {
	uint32_t flags, flags2;
	uint32_t max_write; /* bytes, 0 = as libfuse says */
};

/**
 * spool_handshake_extend() - the answer to FUSE_INIT with @extra added
 * @offer: the request; flags that it does not offer are not added
 * Return: false and *@out unchanged when the offer is too short or older than protocol 7.36.
 */
bool spool_handshake_extend(const void *offer, size_t len,
			    const struct spool_handshake_extra *extra, struct fuse_init_out *out);

/** spool_handshake_offers() - does the FUSE_INIT request @offer offer all of @flags and @flags2? */
bool spool_handshake_offers(const void *offer, size_t len, uint32_t flags, uint32_t flags2);
