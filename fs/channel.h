/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between the kernel and libfuse: every message passes through here.
 *
 * Two things are mended on the way in. FUSE_TMPFILE (O_TMPFILE; Linux 6.1, protocol 7.37) is
 * unknown to libfuse before 3.17. It carries what FUSE_CREATE carries, with the name "/" that
 * the VFS gives to unnamed files and that no path can contain; so it becomes a FUSE_CREATE, and
 * the create handler knows it by its name. And what -o mask= hides is taken out of the kernel's
 * offer in FUSE_INIT, or answered as an old libfuse would: not known.
 *
 * Only the message's own header and FUSE_INIT's flags are ever changed, and only when the message
 * is long enough to have them.
 */

#include <stddef.h>
#include <sys/types.h>

struct fuse_session;

#define SPOOL_TMPFILE_NAME "/" /* what create() is called with for O_TMPFILE */

/** spool_channel_rewrite() - mend one request of @len bytes in place; @mask: enum spool_feature. */
void spool_channel_rewrite(void *message, size_t len, unsigned int mask);

/**
 * spool_channel_attach() - let @session talk over @fd through us
 * @fd: the mount's /dev/fuse descriptor; the session's from here on
 * The session's user data must be a struct spool_fs. Return: 0; -errno.
 */
int spool_channel_attach(struct fuse_session *session, int fd);
