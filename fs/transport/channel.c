/* SPDX-License-Identifier: MIT */
#include "transport/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wait/for_spill.h"
#include "wait/for_disk.h"
#include "fs.h"
#include "host/probe.h"
#include "wait/notify.h"
#include "options/options.h"
#include "wait/for_release.h"
#include "transport/refused.h"
#include "ops/reply.h"
#include "wait/for_ram.h"
#include "transport/waiting.h"
#include "transport/wire.h"

struct spool_request *spool_channel_current(struct spool_fs *fs)
{
	return pthread_getspecific(fs->current);
}

/* What is done once for a request, however often it is tried. */
static void first_time(struct spool_fs *fs, struct spool_request *request)
{
	atomic_fetch_add_explicit(&fs->requests, 1, memory_order_relaxed);
	if (request->opcode < SPOOL_OPCODES)
		atomic_fetch_add_explicit(&fs->by_opcode[request->opcode], 1, memory_order_relaxed);
	if (fs->setxattr_ext)
		spool_request_shorten_setxattr(request);
	request->tried = true;
	spool_probe_request_begin(request->unique, request->opcode, request->nodeid, request->uid);
}

/* A signal for the caller of a request: those that wait for long know what to do, others go on. No
 * answer is due. libfuse would keep those whose request it has not in hand, as it waits, and look
 * through all of them with every request of anybody. */
static void take_interrupt(struct spool_fs *fs, const struct spool_request *request)
{
	struct fuse_interrupt_in in;

	if (request->len < sizeof(struct fuse_in_header) + sizeof(in))
		return;
	memcpy(&in, (const char *)request->data + sizeof(struct fuse_in_header), sizeof(in));
	spool_for_spill_interrupt(fs->for_spill, in.unique);
}

static int error_of(const struct iovec *iov)
{
	struct fuse_out_header header;

	memcpy(&header, iov[0].iov_base, sizeof(header));
	return header.error;
}

/* Without libfuse. */
static void answer(struct spool_fs *fs, struct spool_request *request, const struct iovec *iov,
		   int count)
{
	request->deferred = false;
	request->answered = true;
	spool_probe_request_answered(request->unique, error_of(iov));
	if (request->answer)
		spool_request_answer(request, iov, count);
	else if (writev(fuse_session_fd(fs->session), iov, count) < 0)
		spool_log(fs->log, SPOOL_LOG_DEBUG, "/dev/fuse: %s", strerror(errno));
}

/* FUSE_STATX, which libfuse does not know. Nothing of it waits. */
static void answer_statx(struct spool_fs *fs, struct spool_request *request)
{
	struct fuse_out_header header = {.len = sizeof(header), .unique = request->unique};
	struct spool_wire_statx_out out;
	const struct iovec iov[] = {{.iov_base = &header, .iov_len = sizeof(header)},
				    {.iov_base = &out, .iov_len = sizeof(out)}};
	struct fuse_in_header in;

	memcpy(&in, request->data, sizeof(in));
	header.error = reply_fill_statx(fs, in.nodeid, &out);
	if (header.error == 0)
		header.len += sizeof(out);
	answer(fs, request, iov, header.error == 0 ? 2 : 1);
}

static void answer_error(struct spool_fs *fs, struct spool_request *request, int error)
{
	struct fuse_out_header header = {
		.len = sizeof(header), .error = error, .unique = request->unique};
	const struct iovec iov = {.iov_base = &header, .iov_len = sizeof(header)};

	answer(fs, request, &iov, 1);
}

/* It was put aside, but its payer has too many that are. */
static void refuse(struct spool_fs *fs, struct spool_request *request)
{
	if (request->waits_for == SPOOL_WAIT_RELEASE) {
		spool_for_release_refuse(fs->for_release, request);
	} else if (request->waits_for == SPOOL_WAIT_NOTIFY &&
		   request->first.tell == SPOOL_TELL_ATTRS) {
		request->first.told = SPOOL_TOLD_LATE; /* it has been done */
		spool_channel_process(fs, request);
	} else {
		answer_error(fs, request, -EINTR);
	}
}

void spool_channel_process(struct spool_fs *fs, struct spool_request *request)
{
	struct fuse_buf buf = {0};

	if (request->waiting.drops_data) { /* its turn has come: the caller is to send it again */
		answer_error(fs, request, request->last_try ? -ENOSPC : -EINTR);
		spool_waiting_leave(fs->waiting, request);
		return;
	}
	if (!request->tried)
		first_time(fs, request);
	else
		spool_probe_request_retried(request->unique);
	if (request->opcode == FUSE_INTERRUPT) {
		take_interrupt(fs, request);
		return;
	}
	if (request->opcode == SPOOL_WIRE_STATX) {
		answer_statx(fs, request);
		return;
	}
	spool_request_rewrite(request->data, request->len, fs->options->mask);
	buf.mem = request->data;
	buf.size = request->len;
	pthread_setspecific(fs->current, request);
	do {
		request->deferred = false;
		request->release.again = false;
		request->release.returned = spool_engine_returned(fs->engine);
		request->ram.n_kicks = spool_for_ram_kicks(fs->for_ram);
		fuse_session_process_buf(fs->session, &buf);
	} while (request->release.again);
	pthread_setspecific(fs->current, NULL);
	if (request->deferred && !spool_waiting_enter(fs->waiting, request))
		refuse(fs, request);
	else if (request->deferred)
		spool_probe_request_deferred(request->unique,
					     spool_waiting_name(request->waits_for));
	if (!request->deferred)
		spool_waiting_leave(fs->waiting, request);
}

void spool_channel_defer(struct spool_fs *fs, struct spool_request *request)
{
	request->may_wait = false; /* who tries it next must not, unless it is a thread for that */
	switch (request->waits_for) {
	case SPOOL_WAIT_RELEASE:
		spool_for_release_take(fs->for_release, request);
		break;
	case SPOOL_WAIT_RAM:
		spool_for_ram_take(fs->for_ram, request);
		break;
	case SPOOL_WAIT_DISK:
		spool_for_disk_take(fs->for_disk, request);
		break;
	case SPOOL_WAIT_NOTIFY:
		spool_notify_take(fs->notify, request);
		break;
	case SPOOL_WAIT_SPILL:
		spool_for_spill_take(fs->for_spill, request);
		break;
	case SPOOL_WAIT_N:
		break;
	}
}

/* -ENOENT: the kernel has forgotten the inode, which is as good. */
static void tell_kernel(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off, uint64_t len)
{
	const struct spool_fs *fs = ctx;

	fuse_lowlevel_notify_inval_inode(fs->session, ino,
					 what == SPOOL_TELL_PAGES ? (off_t)off : -1, (off_t)len);
}

/* Of one that was put aside, and whose turn has come. */
static void go_on(void *ctx, struct spool_request *request)
{
	struct spool_fs *fs = ctx;
	bool found_room;

	spool_channel_process(fs, request);
	found_room =
		request->ram.waited && !(request->deferred && request->waits_for == SPOOL_WAIT_RAM);
	if (request->deferred)
		spool_channel_defer(fs, request);
	else
		request->finish(request);
	if (found_room) /* there may be more, for_ram.c */
		spool_for_ram_kick(fs->for_ram);
}

int spool_channel_new_notify(struct spool_fs *fs)
{
	const struct spool_notify_config config = {.tell = tell_kernel, .answer = go_on, .ctx = fs};

	return spool_notify_new(&config, &fs->notify);
}

int spool_channel_new_disk(struct spool_fs *fs)
{
	return spool_for_disk_new(go_on, fs, &fs->for_disk);
}

void spool_channel_process_firm(struct spool_fs *fs, struct spool_request *request)
{
	request->last_try = true;
	request->release.deadline = 1; /* long ago, for_release.h */
	spool_channel_process(fs, request);
}

void spool_channel_process_last(struct spool_fs *fs, struct spool_request *request)
{
	request->may_wait = true;
	spool_channel_process_firm(fs, request);
}

bool spool_channel_counts(struct spool_fs *fs)
{
	struct spool_request *request = spool_channel_current(fs);

	if (!request)
		return false;
	request->waits_for = SPOOL_WAIT_RELEASE;
	request->deferred = spool_for_release_wants_count(fs->for_release, request);
	return request->deferred;
}

/* Requests come through ring.h and devfuse.h; libfuse does not read by itself. */
static ssize_t channel_read(int fd, void *buf, size_t buf_len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, buf_len);
}

static ssize_t total(const struct iovec *iov, int count)
{
	size_t sum = 0;

	for (int i = 0; i < count; i++)
		sum += iov[i].iov_len;
	return (ssize_t)sum;
}

/* Whether the answer @error is no answer yet, but says what the request waits for. */
static bool waits(struct spool_fs *fs, struct spool_request *request, int error)
{
	if (request->opcode == FUSE_INIT)
		return false;
	if (error == SPOOL_WOULD_BLOCK && !request->may_wait) {
		request->waits_for = SPOOL_WAIT_DISK;
		return true;
	}
	if (error == -EAGAIN && fs->for_ram && !request->last_try) {
		request->waits_for = SPOOL_WAIT_RAM;
		return true;
	}
	request->waits_for = SPOOL_WAIT_RELEASE;
	return spool_for_release_wants(fs->for_release, request, error);
}

bool spool_channel_waits(struct spool_fs *fs, int error)
{
	struct spool_request *request = spool_channel_current(fs);

	if (!request)
		return false;
	request->deferred = waits(fs, request, error);
	return request->deferred;
}

static ssize_t channel_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct spool_fs *fs = userdata;
	struct spool_request *request = spool_channel_current(fs);
	struct fuse_out_header header;

	if (!request || iov[0].iov_len != sizeof(header))
		return writev(fd, iov, count);
	memcpy(&header, iov[0].iov_base, sizeof(header));
	if (header.unique != request->unique)
		return writev(fd, iov, count);
	/* what the handler was told holds: time goes on, and may change the answer to another */
	if (request->deferred || spool_channel_waits(fs, header.error))
		return total(iov, count);
	if (header.error == -EAGAIN) { /* of RAM, which did not come */
		header.error = -ENOSPC;
		memcpy(iov[0].iov_base, &header, sizeof(header));
	}
	if (header.error == -ENOSPC || header.error == -EDQUOT)
		spool_refused_log(fs);
	spool_probe_request_answered(request->unique, header.error);
	if (request->answer)
		return spool_request_answer(request, iov, count);
	request->answered = true;
	return writev(fd, iov, count);
}

int spool_channel_attach(struct fuse_session *session, int fd)
{
	static const struct fuse_custom_io io = {.read = channel_read, .writev = channel_writev};

	return fuse_session_custom_io(session, &io, fd);
}
