/* SPDX-License-Identifier: MIT */
#include "transport/request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "options/options.h"
#include "transport/wire.h"
#include "util/macros.h"

/* No operation has this number: libfuse answers ENOSYS, as for one that is newer than itself. */
#define OPCODE_UNKNOWN 0x7fffu

#define SHORT_READ 16384u /* what is encrypted as one, and more than most ask for at random */

struct masked_flag {
	unsigned int feature;
	uint32_t flags; /* FUSE_INIT, first word */
};

struct masked_opcode {
	unsigned int feature;
	uint32_t opcode;
};

static void mask_init(void *request, size_t len, unsigned int mask)
{
	static const struct masked_flag masked[] = {
		{SPOOL_FEATURE_READDIRPLUS, FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO},
		{SPOOL_FEATURE_DONT_MASK, FUSE_DONT_MASK},
		{SPOOL_FEATURE_POSIX_ACL, FUSE_POSIX_ACL},
		{SPOOL_FEATURE_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS},
		{SPOOL_FEATURE_IOCTL_DIR, FUSE_HAS_IOCTL_DIR},
		{SPOOL_FEATURE_ASYNC_READ, FUSE_ASYNC_READ},
		{SPOOL_FEATURE_ATOMIC_O_TRUNC, FUSE_ATOMIC_O_TRUNC},
		{SPOOL_FEATURE_KILLPRIV, FUSE_HANDLE_KILLPRIV_V2},
	};
	size_t at = sizeof(struct fuse_in_header) + offsetof(struct fuse_init_in, flags);
	uint32_t flags;

	if (len < at + sizeof(flags))
		return;
	memcpy(&flags, (char *)request + at, sizeof(flags));
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(masked); i++) {
		if (mask & masked[i].feature)
			flags &= ~masked[i].flags;
	}
	memcpy((char *)request + at, &flags, sizeof(flags));
}

static uint32_t mask_opcode(uint32_t opcode, unsigned int mask)
{
	static const struct masked_opcode masked[] = {
		{SPOOL_FEATURE_TMPFILE, FUSE_TMPFILE},
		{SPOOL_FEATURE_RENAME2, FUSE_RENAME2},
		{SPOOL_FEATURE_COPY_FILE_RANGE, FUSE_COPY_FILE_RANGE},
		{SPOOL_FEATURE_FALLOCATE, FUSE_FALLOCATE},
		{SPOOL_FEATURE_LSEEK, FUSE_LSEEK},
		{SPOOL_FEATURE_XATTR, FUSE_SETXATTR},
		{SPOOL_FEATURE_XATTR, FUSE_GETXATTR},
		{SPOOL_FEATURE_XATTR, FUSE_LISTXATTR},
		{SPOOL_FEATURE_XATTR, FUSE_REMOVEXATTR},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(masked); i++) {
		if ((mask & masked[i].feature) && opcode == masked[i].opcode)
			return OPCODE_UNKNOWN;
	}
	return opcode == FUSE_TMPFILE ? FUSE_CREATE : opcode;
}

void spool_request_rewrite(void *request, size_t len, unsigned int mask)
{
	struct fuse_in_header header;

	if (len < sizeof(header))
		return;
	memcpy(&header, request, sizeof(header));
	if (header.opcode == FUSE_INIT && mask)
		mask_init(request, len, mask);
	header.opcode = mask_opcode(header.opcode, mask);
	memcpy(request, &header, sizeof(header));
}

/* A 32-bit word @at bytes into the first argument, 0 when the request ends before. */
static uint32_t argument_word(const struct spool_request *request, size_t at)
{
	uint32_t word = 0;

	at += sizeof(struct fuse_in_header);
	if (request->len >= at + sizeof(word))
		memcpy(&word, (const char *)request->data + at, sizeof(word));
	return word;
}

/* The kernel asks for set-id bits to be dropped in a flag of its own for every operation. */
static bool wants_kill_suidgid(const struct spool_request *request)
{
	switch (request->opcode) {
	case FUSE_WRITE:
		return argument_word(request, offsetof(struct fuse_write_in, write_flags)) &
		       FUSE_WRITE_KILL_SUIDGID;
	case FUSE_SETATTR:
		return argument_word(request, offsetof(struct fuse_setattr_in, valid)) &
		       FATTR_KILL_SUIDGID;
	case FUSE_OPEN:
		return argument_word(request, offsetof(struct fuse_open_in, open_flags)) &
		       SPOOL_WIRE_OPEN_KILL_SUIDGID;
	default:
		return false;
	}
}

bool spool_request_parse(struct spool_request *request)
{
	struct fuse_in_header header;

	if (request->len < sizeof(header))
		return false;
	memcpy(&header, request->data, sizeof(header));
	if (header.len != request->len)
		return false;
	request->unique = header.unique;
	request->opcode = header.opcode;
	request->nodeid = header.nodeid;
	request->uid = header.uid;
	request->pid = (pid_t)header.pid;
	request->payer = header.uid;
	request->kill_suidgid = wants_kill_suidgid(request);
	return true;
}

void spool_request_set_payer(struct spool_engine *engine, struct spool_request *request)
{
	const struct spool_cred cred = {.uid = request->uid, .pid = request->pid};

	/* these never wait, come in masses, and are nobody's */
	if (request->opcode == FUSE_FORGET || request->opcode == FUSE_BATCH_FORGET)
		return;
	request->payer = spool_engine_payer(engine, &cred, request->nodeid);
}

void spool_request_shorten_setxattr(struct spool_request *request)
{
	const size_t more = sizeof(struct fuse_setxattr_in) - FUSE_COMPAT_SETXATTR_IN_SIZE;
	const size_t keep = sizeof(struct fuse_in_header) + FUSE_COMPAT_SETXATTR_IN_SIZE;
	struct fuse_in_header header;

	if (request->opcode != FUSE_SETXATTR || request->len < keep + more)
		return;
	request->kill_suidgid =
		argument_word(request, offsetof(struct fuse_setxattr_in, setxattr_flags)) &
		FUSE_SETXATTR_ACL_KILL_SGID;
	memmove((char *)request->data + more, request->data, keep);
	request->data = (char *)request->data + more;
	request->len -= more;
	memcpy(&header, request->data, sizeof(header));
	header.len = (uint32_t)request->len;
	memcpy(request->data, &header, sizeof(header));
}

bool spool_request_is_short_read(const struct spool_request *request)
{
	struct fuse_read_in in;

	if (request->opcode != FUSE_READ ||
	    request->len < sizeof(struct fuse_in_header) + sizeof(in))
		return false;
	memcpy(&in, (const char *)request->data + sizeof(struct fuse_in_header), sizeof(in));
	return in.size <= SHORT_READ;
}

bool spool_request_has_no_answer(const struct spool_request *request)
{
	return request->opcode == FUSE_FORGET || request->opcode == FUSE_BATCH_FORGET ||
	       request->opcode == FUSE_NOTIFY_REPLY;
}

void spool_request_set_answered(struct spool_request *request)
{
	assert(request->state == SPOOL_REQUEST_IN_HAND && !request->answered);
	request->answered = true;
}

ssize_t spool_request_answer(struct spool_request *request, const struct iovec *iov, int count)
{
	struct fuse_out_header header;
	size_t used = 0;

	memcpy(&header, iov[0].iov_base, sizeof(header));
	for (int i = 1; i < count; i++) {
		char *to = (char *)request->out + used;

		if (iov[i].iov_len > request->out_size - used) {
			header = (struct fuse_out_header){
				.len = sizeof(header), .error = -EIO, .unique = request->unique};
			used = 0;
			break;
		}
		if (iov[i].iov_base != to)
			memmove(to, iov[i].iov_base, iov[i].iov_len);
		used += iov[i].iov_len;
	}
	memcpy(request->answer, &header, sizeof(header));
	request->answer_size = (uint32_t)used;
	spool_request_set_answered(request);
	return header.error == -EIO ? -EIO : (ssize_t)(sizeof(header) + used);
}
