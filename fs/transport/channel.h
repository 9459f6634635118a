/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between the kernel and libfuse: every request passes through here, whichever way it comes.
 *
 * On the way out, an answer goes to /dev/fuse, or into the room that its request has for it: then
 * whoever has read the request sends it (from a ring's entry, and of FUSE_INIT, see handshake.h).
 *
 * FUSE_STATX, which libfuse does not know, is answered here (reply.h says what).
 *
 * A handler may run more than once for one request: when its answer says that it has to wait (for
 * RAM, the disk, or what the kernel is to be told), the answer goes nowhere, the request is put
 * aside, and the handler runs again later, in another thread. So what a handler has done by then
 * must be the same when it is done again.
 */

#include <stdbool.h>

#include "transport/request.h"

struct fuse_session;
struct spool_fs;

/**
 * spool_channel_process() - hand a parsed request to libfuse, in this thread
 * It is answered, deferred or (FORGET) done afterwards.
 */
void spool_channel_process(struct spool_fs *fs, struct spool_request *request);

/** spool_channel_defer() - put a deferred request aside; its finish() follows. */
void spool_channel_defer(struct spool_fs *fs, struct spool_request *request);

/** spool_channel_process_firm() - as spool_channel_process(), but it is answered afterwards, or
 * waits for the disk and for nothing else any more. */
void spool_channel_process_firm(struct spool_fs *fs, struct spool_request *request);

/** spool_channel_process_last() - as spool_channel_process(), but it is answered afterwards, though
 * the thread wait for the disk. */
void spool_channel_process_last(struct spool_fs *fs, struct spool_request *request);

/**
 * spool_channel_waits() - is the answer @error (-errno) of the request in this thread none yet?
 * For a handler that would answer something else. When it is true the handler must answer @error,
 * which goes nowhere: the request will be tried again. Return: false also without a request.
 */
bool spool_channel_waits(struct spool_fs *fs, int error);

/**
 * spool_channel_counts() - does the request in this thread, which counts what is free, wait first?
 * When it is true the handler must answer -EAGAIN, which goes nowhere. Files that nobody has any
 * more have no data afterwards.
 */
bool spool_channel_counts(struct spool_fs *fs);

/** spool_channel_new_disk() - makes fs->for_disk, which answers through us. Return: 0; -ENOMEM. */
int spool_channel_new_disk(struct spool_fs *fs);

/** spool_channel_new_notify() - makes fs->notify, which answers through us. Return: 0; -errno. */
int spool_channel_new_notify(struct spool_fs *fs);

/** spool_channel_current() - the request that this thread is processing, or NULL. */
struct spool_request *spool_channel_current(struct spool_fs *fs);

/**
 * spool_channel_attach() - let @session talk over @fd through us
 * @fd: the mount's /dev/fuse descriptor; the session's from here on
 * The session's user data must be a struct spool_fs. Return: 0; -errno.
 */
int spool_channel_attach(struct fuse_session *session, int fd);
