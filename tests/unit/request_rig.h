/* SPDX-License-Identifier: MIT */
#pragma once

/* Requests as they were seen on Linux 6.18. */

#include "transport/request.h"
#include "transport/wire.h"

#define UNIQUE 4711u
#define OWNER 1000u

/* The offer of Linux 6.18 in FUSE_INIT's two words. */
#define OFFER_FLAGS 0x73fffffbu
#define OFFER_FLAGS2 0x000003cfu

struct request {
	struct fuse_in_header header;
	union {
		struct fuse_init_in init;
		struct fuse_write_in write;
		struct fuse_setattr_in setattr;
		struct fuse_open_in open;
		struct fuse_create_in create;
		struct fuse_setxattr_in setxattr;
	} arg;
	char rest[8];
};

/** new_request() - of @arg_size bytes behind the header, all 0. */
static inline struct request new_request(uint32_t opcode, size_t arg_size)
{
	struct request request = {.header = {.len = (uint32_t)(sizeof(request.header) + arg_size),
					     .opcode = opcode,
					     .unique = UNIQUE,
					     .nodeid = 1,
					     .uid = OWNER}};

	return request;
}

/** message_of() - the same as the daemon has it, not yet parsed. */
static inline struct spool_request message_of(struct request *request)
{
	return (struct spool_request){.data = request, .len = request->header.len};
}

/** init_request() - FUSE_INIT of Linux 6.18. */
static inline struct request init_request(void)
{
	struct request request = new_request(FUSE_INIT, sizeof(request.arg.init));

	request.arg.init = (struct fuse_init_in){
		.major = 7, .minor = 45, .flags = OFFER_FLAGS, .flags2 = OFFER_FLAGS2};
	return request;
}
