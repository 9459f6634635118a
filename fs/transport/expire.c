/* SPDX-License-Identifier: MIT */
#include "transport/expire.h"

#include <errno.h>
#include <string.h>

#include "fs.h"
#include "transport/outgoing.h"
#include "transport/wire.h"

#define BATCH 32u /* names that are copied while the directory is locked; a guess */

struct batch {
	struct {
		char name[SPOOL_NAME_MAX + 1];
		size_t len;
	} names[BATCH];
	unsigned int n;
	uint64_t cookie;
};

static ssize_t notify(const struct spool_fs *fs, int32_t code, const struct iovec *what, int n)
{
	struct fuse_out_header header = {.len = sizeof(header), .error = code};
	struct iovec iov[3] = {{.iov_base = &header, .iov_len = sizeof(header)}};

	for (int i = 0; i < n; i++) {
		iov[i + 1] = what[i];
		header.len += (uint32_t)what[i].iov_len;
	}
	return spool_outgoing_send(fuse_session_fd(fs->session), iov, n + 1);
}

void spool_expire_all(struct spool_fs *fs)
{
	/* the connection may have ended */
	if (!(fs->missing & SPOOL_FEATURE_EPOCH) &&
	    notify(fs, SPOOL_WIRE_NOTIFY_INC_EPOCH, NULL, 0) < 0)
		spool_log(fs->log, SPOOL_LOG_DEBUG, "/dev/fuse: epoch: %s", strerror(errno));
}

/* Those that the kernel does not know are no error. */
static void expire_name(const struct spool_fs *fs, uint64_t parent, char *name, size_t len)
{
	struct spool_wire_inval_entry_out out = {
		.parent = parent, .namelen = (uint32_t)len, .flags = SPOOL_WIRE_EXPIRE_ONLY};
	const struct iovec what[] = {{.iov_base = &out, .iov_len = sizeof(out)},
				     {.iov_base = name, .iov_len = len + 1}};

	notify(fs, FUSE_NOTIFY_INVAL_ENTRY, what, 2);
}

static bool take(void *arg, const char *name, size_t len, const struct spool_attr *attr,
		 uint64_t cookie)
{
	struct batch *batch = arg;

	(void)attr;
	if (batch->n == BATCH)
		return false;
	memcpy(batch->names[batch->n].name, name, len);
	batch->names[batch->n].name[len] = '\0';
	batch->names[batch->n++].len = len;
	batch->cookie = cookie;
	return true;
}

void spool_expire_entries(const struct spool_fs *fs, uint64_t ino)
{
	const struct spool_cred root = {.uid = 0};
	struct batch batch = {.cookie = 0};
	uint64_t end = 0;

	do {
		batch.n = 0;
		if (spool_engine_readdir(fs->engine, &root, ino, batch.cookie, &end, false, take,
					 &batch) < 0)
			return;
		for (unsigned int i = 0; i < batch.n; i++)
			expire_name(fs, ino, batch.names[i].name, batch.names[i].len);
	} while (batch.n == BATCH);
}
