/* SPDX-License-Identifier: MIT */
#include "transport/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "transport/request.h"
#include "fs.h"
#include "transport/ring.h"
#include "transport/wire.h"
#include "util/macros.h"

#define MAX_PAGES_LIMIT "/proc/sys/fs/fuse/max_pages_limit"

/* What every kernel allows (FUSE_MAX_MAX_PAGES before the limit could be set), and what we take of
 * a higher limit: no operation gains from more than 4 MiB, a guess. */
#define MAX_PAGES_DEFAULT 256u
#define MAX_PAGES_WANTED 1024u

size_t spool_handshake_max_write(uint64_t ram)
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
	return spool_min_u64(pages * (size_t)sysconf(_SC_PAGESIZE), spool_rings_max_write(ram));
}

bool spool_handshake_offers(const void *offer, size_t len, uint32_t flags, uint32_t flags2)
{
	struct fuse_init_in in;

	if (len < sizeof(struct fuse_in_header) + sizeof(in))
		return false; /* older than protocol 7.36 */
	memcpy(&in, (const char *)offer + sizeof(struct fuse_in_header), sizeof(in));
	if (!(in.flags & FUSE_INIT_EXT))
		in.flags2 = 0;
	return (in.flags & flags) == flags && (in.flags2 & flags2) == flags2;
}

/* Does the FUSE_INIT request @offer offer protocol 7.@minor or newer? */
static bool is_newer(const void *offer, size_t len, uint32_t minor)
{
	struct fuse_init_in in;

	if (len < sizeof(struct fuse_in_header) + sizeof(in))
		return false;
	memcpy(&in, (const char *)offer + sizeof(struct fuse_in_header), sizeof(in));
	return in.major > FUSE_KERNEL_VERSION ||
	       (in.major == FUSE_KERNEL_VERSION && in.minor >= minor);
}

bool spool_handshake_extend(const void *offer, size_t len,
			    const struct spool_handshake_extra *extra, struct fuse_init_out *out)
{
	struct fuse_init_in in;

	if (!spool_handshake_offers(offer, len, FUSE_INIT_EXT, 0))
		return false;
	memcpy(&in, (const char *)offer + sizeof(struct fuse_in_header), sizeof(in));
	/* libfuse may not know FUSE_INIT_EXT, without which the kernel does not look at flags2 */
	out->flags |= FUSE_INIT_EXT | (extra->flags & in.flags);
	out->flags2 |= extra->flags2 & in.flags2;
	if (extra->max_write && (in.flags & FUSE_MAX_PAGES)) {
		out->flags |= FUSE_MAX_PAGES;
		out->max_write = extra->max_write;
		out->max_pages = (uint16_t)(extra->max_write / (uint32_t)sysconf(_SC_PAGESIZE));
	}
	return true;
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
	} else if (!spool_handshake_offers(request->data, request->len, FUSE_INIT_EXT,
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

/* Return: whether they serve. */
static bool start_rings(struct spool_fs *fs, struct spool_rings *rings)
{
	unsigned int n_threads = fs->n_threads;

	if (!rings)
		return false;
	/* before they serve: requests may ask for it */
	fs->rings = rings;
	fs->n_threads = spool_rings_threads(rings) + 1;
	if (spool_rings_start(rings, fs->transport_why) == 0)
		return true;
	spool_rings_stop(rings);
	fs->rings = NULL;
	fs->n_threads = n_threads;
	return false;
}

_Static_assert(sizeof(((struct spool_handshake_room *)NULL)->header) ==
			       sizeof(struct fuse_out_header) &&
		       sizeof(((struct spool_handshake_room *)NULL)->out) ==
			       sizeof(struct fuse_init_out),
	       "the answer fits, and no other does");

void spool_handshake_prepare(struct spool_request *request, struct spool_handshake_room *room)
{
	request->answer = (char *)room->header;
	request->out = room->out;
	request->out_size = sizeof(room->out);
}

static int send_answer(int fd, const struct spool_request *request)
{
	const struct iovec iov[] = {
		{.iov_base = request->answer, .iov_len = sizeof(struct fuse_out_header)},
		{.iov_base = request->out, .iov_len = request->answer_size},
	};

	return writev(fd, iov, 2) < 0 ? -errno : 0;
}

/* Accepts what the kernel offers beyond what libfuse has. */
static void extend(struct spool_fs *fs, const struct spool_request *request, bool rings)
{
	struct spool_handshake_extra extra = {.flags = extra_flags(fs),
					      .flags2 = SPOOL_WIRE_DIRECT_IO_ALLOW_MMAP,
					      .max_write = (uint32_t)fs->max_write};
	struct fuse_init_out out;

	if (rings)
		extra.flags2 |= SPOOL_WIRE_OVER_IO_URING;
	if (wants_idmap(fs))
		extra.flags2 |= SPOOL_WIRE_ALLOW_IDMAP;
	memcpy(&out, request->out, sizeof(out));
	spool_handshake_extend(request->data, request->len, &extra, &out);
	memcpy(request->out, &out, sizeof(out));
	fs->setxattr_ext = out.flags & FUSE_SETXATTR_EXT;
	if (!spool_handshake_offers(request->data, request->len, FUSE_HANDLE_KILLPRIV_V2, 0))
		fs->missing |= SPOOL_FEATURE_KILLPRIV;
	if (!is_newer(request->data, request->len, SPOOL_WIRE_EPOCH_MINOR))
		fs->missing |= SPOOL_FEATURE_EPOCH;
	if (!(out.flags2 & SPOOL_WIRE_ALLOW_IDMAP))
		fs->missing |= SPOOL_FEATURE_IDMAP;
}

int spool_handshake_finish(struct spool_fs *fs, const struct spool_request *request, int fd)
{
	struct spool_rings *rings;
	int r;

	if (request->answer_size != sizeof(struct fuse_init_out)) {
		r = send_answer(fd, request); /* an error, or a protocol before 7.23 */
		return r < 0 ? r : -EPROTO;
	}
	rings = try_rings(fs, request, fd);
	extend(fs, request, rings);
	r = send_answer(fd, request);
	if (r < 0) {
		spool_rings_stop(rings);
		return r;
	}
	return start_rings(fs, rings);
}
