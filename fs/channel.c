/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "fs.h"
#include "options.h"

/* No operation has this number: libfuse answers ENOSYS, as for one that is newer than itself. */
#define OPCODE_UNKNOWN 0x7fffu

struct masked_flag {
	unsigned int feature;
	uint32_t flags; /* FUSE_INIT, first word */
};

struct masked_opcode {
	unsigned int feature;
	uint32_t opcode;
};

static void mask_init(void *message, size_t len, unsigned int mask)
{
	static const struct masked_flag masked[] = {
		{SPOOL_FEATURE_READDIRPLUS, FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO},
		{SPOOL_FEATURE_DONT_MASK, FUSE_DONT_MASK},
		{SPOOL_FEATURE_POSIX_ACL, FUSE_POSIX_ACL},
		{SPOOL_FEATURE_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS},
		{SPOOL_FEATURE_IOCTL_DIR, FUSE_HAS_IOCTL_DIR},
		{SPOOL_FEATURE_ASYNC_READ, FUSE_ASYNC_READ},
		{SPOOL_FEATURE_ATOMIC_O_TRUNC, FUSE_ATOMIC_O_TRUNC},
	};
	size_t at = sizeof(struct fuse_in_header) + offsetof(struct fuse_init_in, flags);
	uint32_t flags;

	if (len < at + sizeof(flags))
		return;
	memcpy(&flags, (char *)message + at, sizeof(flags));
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		if (mask & masked[i].feature)
			flags &= ~masked[i].flags;
	}
	memcpy((char *)message + at, &flags, sizeof(flags));
}

static uint32_t mask_opcode(uint32_t opcode, unsigned int mask)
{
	static const struct masked_opcode masked[] = {
		{SPOOL_FEATURE_TMPFILE, FUSE_TMPFILE},
		{SPOOL_FEATURE_RENAME2, FUSE_RENAME2},
		{SPOOL_FEATURE_COPY_FILE_RANGE, FUSE_COPY_FILE_RANGE},
		{SPOOL_FEATURE_FALLOCATE, FUSE_FALLOCATE},
		{SPOOL_FEATURE_LSEEK, FUSE_LSEEK},
	};

	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		if ((mask & masked[i].feature) && opcode == masked[i].opcode)
			return OPCODE_UNKNOWN;
	}
	return opcode == FUSE_TMPFILE ? FUSE_CREATE : opcode;
}

void spool_channel_rewrite(void *message, size_t len, unsigned int mask)
{
	struct fuse_in_header header;

	if (len < sizeof(header))
		return;
	memcpy(&header, message, sizeof(header));
	if (header.opcode == FUSE_INIT && mask)
		mask_init(message, len, mask);
	header.opcode = mask_opcode(header.opcode, mask);
	memcpy(message, &header, sizeof(header));
}

static ssize_t channel_read(int fd, void *buf, size_t buf_len, void *userdata)
{
	struct spool_fs *fs = userdata;
	ssize_t n = read(fd, buf, buf_len);

	if (n > 0) {
		atomic_fetch_add_explicit(&fs->requests, 1, memory_order_relaxed);
		spool_channel_rewrite(buf, (size_t)n, fs->options->mask);
	}
	return n;
}

static ssize_t channel_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return writev(fd, iov, count);
}

int spool_channel_attach(struct fuse_session *session, int fd)
{
	static const struct fuse_custom_io io = {.read = channel_read, .writev = channel_writev};

	return fuse_session_custom_io(session, &io, fd);
}
