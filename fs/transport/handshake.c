/* SPDX-License-Identifier: MIT */
#include "transport/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transport/channel.h"
#include "transport/devfuse.h"
#include "fs.h"
#include "transport/ring.h"
#include "transport/wire.h"

#define MAX_PAGES_LIMIT "/proc/sys/fs/fuse/max_pages_limit"

/* What every kernel allows (FUSE_MAX_MAX_PAGES before the limit could be set), and what we take of
 * a higher limit: no operation gains from more than 4 MiB, a guess. */
#define MAX_PAGES_DEFAULT 256u
#define MAX_PAGES_WANTED 1024u

size_t spool_handshake_max_write(void)
{
	FILE *file = fopen(MAX_PAGES_LIMIT, "re");
	unsigned int pages = MAX_PAGES_DEFAULT;

	if (file) {
		if (fscanf(file, "%u", &pages) != 1 || pages < MAX_PAGES_DEFAULT)
			pages = MAX_PAGES_DEFAULT;
		fclose(file);
	}
	if (pages > MAX_PAGES_WANTED)
		pages = MAX_PAGES_WANTED;
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sets the reason and prepares rings where they are wanted and offered. */
static struct spool_rings *try_rings(struct spool_fs *fs, const struct spool_request *request,
				     int fd)
{
	struct spool_rings *rings = NULL;

	if (fs->options->transport == SPOOL_TRANSPORT_DEV) {
		snprintf(fs->transport_why, sizeof(fs->transport_why),
			 "transport=dev was asked for");
	} else if (fs->options->mask & SPOOL_FEATURE_URING) {
		snprintf(fs->transport_why, sizeof(fs->transport_why), "io_uring is masked");
	} else if (!spool_channel_offers(request->data, request->len, FUSE_INIT_EXT,
					 SPOOL_WIRE_OVER_IO_URING)) {
		snprintf(fs->transport_why, sizeof(fs->transport_why),
			 "the kernel does not offer io_uring (Linux 6.14, fuse.enable_uring=Y)");
	} else {
		spool_rings_prepare(fs, fd, fs->max_write, &rings, fs->transport_why);
	}
	return rings;
}

static uint32_t extra_flags(const struct spool_fs *fs)
{
	uint32_t flags = FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT;

	if (fs->options->writeback)
		flags |= FUSE_WRITEBACK_CACHE;
	return flags;
}

/*
 * Id mappings (mount_setattr(2)) are for shared mounts that root makes: once they are allowed, the
 * kernel says who asks only with what makes an inode (MKNOD, MKDIR, SYMLINK, CREATE, TMPFILE, and
 * RENAME with RENAME_WHITEOUT); with all else, on every mount of the filesystem, uid and gid are
 * -1. It checks permissions itself, so what is left is who pays (lib/README.md, "Accounts"), and
 * for statfs and control calls who the caller is: the witness looks at the process.
 */
static bool wants_idmap(const struct spool_fs *fs)
{
	return fs->options->config.layout == SPOOL_LAYOUT_SHARED && fs->owner == 0 &&
	       !(fs->options->mask & SPOOL_FEATURE_IDMAP);
}

static void transport_up(struct spool_fs *fs, struct spool_rings *rings)
{
	const uint64_t one = 1;

	if (rings && spool_rings_start(rings, fs->transport_why) == 0) {
		fs->rings = rings;
		fs->n_threads = spool_rings_threads(rings) + 1;
	} else {
		spool_rings_stop(rings);
		fs->n_threads = spool_devfuse_widen(fs->devfuse);
	}
	/* cannot fail: it was never written before */
	if (write(fs->inited, &one, sizeof(one)) != sizeof(one))
		spool_log(fs->log, SPOOL_LOG_ERROR, "eventfd: %s", strerror(errno));
}

ssize_t spool_handshake_answer(struct spool_fs *fs, struct spool_request *request, int fd,
			       struct iovec *iov, int count)
{
	struct spool_handshake_extra extra = {.flags = extra_flags(fs),
					      .flags2 = SPOOL_WIRE_DIRECT_IO_ALLOW_MMAP,
					      .max_write = (uint32_t)fs->max_write};
	struct spool_rings *rings = NULL;
	struct fuse_init_out out;
	ssize_t r;

	request->answered = true;
	if (count != 2 || iov[1].iov_len != sizeof(out))
		return writev(fd, iov, count); /* an error, or a protocol before 7.23 */
	memcpy(&out, iov[1].iov_base, sizeof(out));
	rings = try_rings(fs, request, fd);
	if (rings)
		extra.flags2 |= SPOOL_WIRE_OVER_IO_URING;
	if (wants_idmap(fs))
		extra.flags2 |= SPOOL_WIRE_ALLOW_IDMAP;
	if (spool_channel_extend_init(request->data, request->len, &extra, &out))
		iov[1].iov_base = &out;
	fs->setxattr_ext = out.flags & FUSE_SETXATTR_EXT;
	if (!spool_channel_offers(request->data, request->len, FUSE_HANDLE_KILLPRIV_V2, 0))
		fs->missing |= SPOOL_FEATURE_KILLPRIV;
	if (!(out.flags2 & SPOOL_WIRE_ALLOW_IDMAP))
		fs->missing |= SPOOL_FEATURE_IDMAP;
	r = writev(fd, iov, count);
	if (r < 0)
		spool_rings_stop(rings);
	else
		transport_up(fs, rings);
	return r;
}
