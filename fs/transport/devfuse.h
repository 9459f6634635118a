/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests over /dev/fuse: threads that read() one each. FUSE_INIT always comes this way, so there
 * is one thread from the start; when rings are in force it stays alone and gets FORGETs, otherwise
 * it is joined by others.
 */

struct spool_devfuse;
struct spool_fs;

/**
 * spool_devfuse_start() - start the first thread
 * @fd: /dev/fuse, borrowed; @ended: eventfd, written when a thread has ended (the mount is gone)
 * Return: 0; -errno.
 */
int spool_devfuse_start(struct spool_fs *fs, int fd, int ended, struct spool_devfuse **ret);

/** spool_devfuse_stop() - end all threads. NULL is allowed. */
void spool_devfuse_stop(struct spool_devfuse *dev);
