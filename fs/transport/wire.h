/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What we use of the kernel's FUSE protocol that <linux/fuse.h> of supported systems (7.38 and up)
 * may lack. Names, numbers and layouts are those of include/uapi/linux/fuse.h; each says the
 * protocol version that brought it. Everything here is read from and written to requests with
 * memcpy().
 *
 * One request as it comes from /dev/fuse:
 *
 *	fuse_in_header | first argument (of the operation) | names, data, extensions
 *
 * and one reply:
 *
 *	fuse_out_header | what the operation answers
 *
 * A ring entry holds the same in pieces: the header (either one), the first argument, and the rest.
 */

#include <stdint.h>

#include <linux/fuse.h>

/* FUSE_INIT flags of bits 32 and up are in the second word, flags2. */
#define SPOOL_WIRE_FLAG2(bit) (UINT32_C(1) << ((bit)-32))
#define SPOOL_WIRE_DIRECT_IO_ALLOW_MMAP SPOOL_WIRE_FLAG2(36) /* 7.39 */
#define SPOOL_WIRE_ALLOW_IDMAP SPOOL_WIRE_FLAG2(40)          /* 7.41 */
#define SPOOL_WIRE_OVER_IO_URING SPOOL_WIRE_FLAG2(41)        /* 7.42 */

/* FUSE_NOTIFY_INC_EPOCH: all entries that are cached are looked up again. */
#define SPOOL_WIRE_NOTIFY_INC_EPOCH 8
#define SPOOL_WIRE_EPOCH_MINOR 44u /* the protocol version that brought it */

/* What follows FUSE_NOTIFY_INVAL_ENTRY; before 7.38 the flags were padding. */
struct spool_wire_inval_entry_out {
	uint64_t parent;
	uint32_t namelen, flags;
};

#define SPOOL_WIRE_EXPIRE_ONLY (UINT32_C(1) << 0)

/* FUSE_STATX (7.39), struct statx as the kernel wants it; birth times come no other way. */
#define SPOOL_WIRE_STATX 52u

struct spool_wire_sx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct spool_wire_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct spool_wire_sx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare2[14];
};

struct spool_wire_statx_out {
	uint64_t attr_valid; /* seconds */
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	struct spool_wire_statx stat;
};

/* FUSE_CREATE's open_flags of fuse_create_in is after flags, mode and umask; FUSE_OPEN's after
 * flags (7.33). Both words were padding before. */
#define SPOOL_WIRE_OPEN_KILL_SUIDGID (UINT32_C(1) << 0)

/* io_uring (7.42): commands to /dev/fuse with IORING_OP_URING_CMD in a ring of 128-byte SQEs. */
#define SPOOL_WIRE_URING_REGISTER 1u
#define SPOOL_WIRE_URING_COMMIT_AND_FETCH 2u

#define SPOOL_WIRE_URING_HEADER_SIZE 128u

/* In the command area of the SQE. */
struct spool_wire_uring_cmd {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t qid;
	uint8_t padding[6];
};

struct spool_wire_uring_ent {
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_size;
	uint32_t padding;
	uint64_t reserved;
};

/* The first of the two buffers of an entry; the second is the payload. */
struct spool_wire_uring_header {
	char in_out[SPOOL_WIRE_URING_HEADER_SIZE]; /* fuse_in_header, fuse_out_header */
	char op_in[SPOOL_WIRE_URING_HEADER_SIZE];  /* first argument */
	struct spool_wire_uring_ent ent;
};

_Static_assert(sizeof(struct spool_wire_statx_out) == 288, "fuse_statx_out");
_Static_assert(sizeof(struct spool_wire_uring_cmd) == 24, "fuse_uring_cmd_req");
_Static_assert(sizeof(struct spool_wire_uring_ent) == 32, "fuse_uring_ent_in_out");
_Static_assert(sizeof(struct spool_wire_uring_header) == 288, "fuse_uring_req_header");
_Static_assert(sizeof(struct fuse_init_out) == 64, "fuse_init_out of protocol 7.23 and up");
