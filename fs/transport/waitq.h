/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One way to wait. A request that cannot be answered yet is deferred to one of the mount's wait
 * queues (fs/wait): for a release, for RAM, for the disk, until the kernel has been told something,
 * until a file is spilled. channel.h knows them by this interface alone.
 *
 * An answer that is an error is shown to each queue before it goes out. The first that wants it
 * gets the request; the answer goes nowhere, and later the whole handler runs again.
 *
 * Which errors mean "not yet", and to whom: fs/README.md has the table.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/proto.h"

struct spool_fs;
struct spool_request;
struct spool_waitq;

/* What handlers answer when something is to happen first, and nobody but a queue ever sees. libfuse
 * takes only what libc knows as an error (3.18 does), so these are XENIX's, which no Linux
 * filesystem has a use for. */
#define SPOOL_COUNT_FIRST (-ENOTNAM) /* files that nobody has any more are to go: they count */
#define SPOOL_TELL_FIRST (-ENAVAIL)  /* the kernel is to be told something (spool_request.first) */
#define SPOOL_SPILL_FIRST (-EISNAM)  /* a file is to be on the disk (spool_request.first) */

/**
 * struct spool_waitq_ops - what a queue does; no locks are held. NULL: nothing, and false
 * @number: its place among all queues, and its name in SPOOL_CTL_QUEUES
 * @own_bound: it keeps few requests, and so the data of writes
 * @begin: @request is about to be tried: what may change meanwhile is to be remembered
 * @wants: is the answer @error (-errno) of @request none yet, as it is to wait here? Takes nothing
 *	and no place: it may still be answered.
 * @retry: it wanted @request, but what that waits for has come meanwhile: it is tried again at once
 * @take: @request is the queue's, until spool_channel_retry() or spool_channel_go_on()
 * @refuse: @request may not wait, as too many do. Return: true: it is tried once more, and answered
 *	then; false: its caller is to send it again (EINTR)
 * @passed: @request, which the queue may have had before, has been tried, and waits here no more
 * @interrupt: the caller of request @unique has a signal; it may wait here, in another queue, or
 *	in none; told whenever one that has had a signal comes here, too
 * @gather: requests that others may wait for gather for @ns; not while they do wait
 */
struct spool_waitq_ops {
	enum spool_ctl_waiting number;
	bool own_bound;
	void (*begin)(struct spool_waitq *queue, struct spool_request *request);
	bool (*wants)(struct spool_waitq *queue, struct spool_request *request, int error);
	bool (*retry)(struct spool_waitq *queue, struct spool_request *request);
	void (*take)(struct spool_waitq *queue, struct spool_request *request);
	bool (*refuse)(struct spool_waitq *queue, struct spool_request *request);
	void (*passed)(struct spool_waitq *queue, struct spool_request *request);
	void (*interrupt)(struct spool_waitq *queue, uint64_t unique);
	void (*gather)(struct spool_waitq *queue, uint64_t ns);
};

/** struct spool_waitq - a part of each queue. @fs: set by spool_waitqs_add() */
struct spool_waitq {
	const struct spool_waitq_ops *ops;
	struct spool_fs *fs;
};

/** spool_waitqs_add() - from now on the requests of @fs are shown to @queue. */
void spool_waitqs_add(struct spool_fs *fs, struct spool_waitq *queue);

/** spool_waitqs_begin() - to each: @request is about to be tried. */
void spool_waitqs_begin(const struct spool_fs *fs, struct spool_request *request);

/** spool_waitqs_ask() - who wants @request with the answer @error? Return: NULL: nobody, or 0. */
struct spool_waitq *spool_waitqs_ask(const struct spool_fs *fs, struct spool_request *request,
				     int error);

/** spool_waitqs_passed() - to each but the one that it waits in now: @request has been tried. */
void spool_waitqs_passed(const struct spool_fs *fs, struct spool_request *request);

/** spool_waitqs_take() - @request is its queue's from here on, and may be gone. If its caller had a
 * signal before, the queue is told. */
void spool_waitqs_take(struct spool_request *request);

/** spool_waitqs_interrupt() - to each: the caller of request @unique has a signal. That is
 * remembered, as the request may come to a queue later. */
void spool_waitqs_interrupt(struct spool_fs *fs, uint64_t unique);

/** spool_waitqs_gather() - lets requests gather for @ns, unless some that wait do so for them. */
void spool_waitqs_gather(const struct spool_fs *fs, uint64_t ns);
