/* SPDX-License-Identifier: MIT */
#include "transport/channel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctl/names.h"
#include "fs.h"
#include "host/probe.h"
#include "host/pulse.h"
#include "life/sessions.h"
#include "options/options.h"
#include "transport/outgoing.h"
#include "transport/refused.h"
#include "transport/tally.h"
#include "transport/waiting.h"
#include "transport/waitq.h"
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
	/* those of the kernel are nobody's */
	if (request->opcode != FUSE_FORGET && request->opcode != FUSE_BATCH_FORGET &&
	    request->opcode != FUSE_INTERRUPT)
		spool_tally_add(fs->by_payer, request->payer);
	if (fs->setxattr_ext)
		spool_request_shorten_setxattr(request);
	spool_probe_request_begin(request->unique, request->opcode, request->nodeid, request->uid);
}

static void retry(struct spool_fs *fs, const struct spool_request *request)
{
	atomic_fetch_add_explicit(&fs->retries, 1, memory_order_relaxed);
	spool_probe_request_retried(request->unique);
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
	spool_waitqs_interrupt(fs, in.unique);
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
	request->waitq = NULL;
	spool_probe_request_answered(request->unique, error_of(iov));
	if (request->answer) {
		spool_request_answer(request, iov, count);
		return;
	}
	spool_request_set_answered(request);
	if (spool_outgoing_send(fuse_session_fd(fs->session), iov, count) < 0)
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
	header.error = fs->more_ops->statx(fs, in.nodeid, &out);
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

/* What was written has cleared set-id bits, of which the kernel is told before the answer, as when
 * the handler answers (ops/set_ids.h). Who is given up, or at the end, is to be answered here and
 * now. Return: whether it waits for that. */
static bool tells_first(struct spool_fs *fs, struct spool_request *request)
{
	if (request->write.bits == 0 || request->first.told != SPOOL_TOLD_NOT ||
	    (request->last_try && request->may_wait) || atomic_load(&fs->stopping))
		return false;
	request->first = (struct spool_first){.tell = SPOOL_TELL_ATTRS,
					      .done = true,
					      .ino = request->nodeid,
					      .result = (ssize_t)request->write.done};
	request->waitq = spool_waitqs_ask(fs, request, SPOOL_TELL_FIRST);
	return request->waitq;
}

/* It does not go on. Of a write counts what was written of it before it had to wait; of those of
 * the kernel, which does not look at that, none comes here. */
static void cut_short(struct spool_fs *fs, struct spool_request *request, int error)
{
	struct fuse_write_out out = {.size = (uint32_t)request->write.done};
	struct fuse_out_header header = {.len = sizeof(header) + sizeof(out),
					 .unique = request->unique};
	const struct iovec iov[] = {{.iov_base = &header, .iov_len = sizeof(header)},
				    {.iov_base = &out, .iov_len = sizeof(out)}};

	if (request->write.done == 0)
		answer_error(fs, request, error);
	else if (!tells_first(fs, request))
		answer(fs, request, iov, 2);
}

/* It was to be deferred, but its payer has too many that are. */
static void refuse(struct spool_fs *fs, struct spool_request *request)
{
	const struct spool_waitq_ops *ops = request->waitq->ops;

	if (ops->refuse && ops->refuse(request->waitq, request))
		spool_channel_process(fs, request,
				      SPOOL_TRY_LAST | (request->may_wait ? SPOOL_TRY_BLOCK : 0));
	else
		cut_short(fs, request, -EINTR);
}

static ssize_t total(const struct iovec *iov, int count)
{
	size_t sum = 0;

	for (int i = 0; i < count; i++)
		sum += iov[i].iov_len;
	return (ssize_t)sum;
}

/* What is left of an error that nobody waits for. */
static int final_error(int error)
{
	switch (error) {
	case -EAGAIN: /* of RAM, which did not come */
		return -ENOSPC;
	case SPOOL_COUNT_FIRST: /* no handler may do that */
	case SPOOL_TELL_FIRST:
	case SPOOL_SPILL_FIRST:
		return -EIO;
	default:
		return error;
	}
}

/* An answer that libfuse sends; of struct spool_outgoing. */
static ssize_t take_answer(void *ctx, const struct iovec *iov, int count)
{
	struct spool_fs *fs = ctx;
	struct spool_request *request = spool_channel_current(fs);
	int fd = fuse_session_fd(fs->session);
	struct fuse_out_header header;

	if (!request || iov[0].iov_len != sizeof(header))
		return spool_outgoing_send(fd, iov, count);
	memcpy(&header, iov[0].iov_base, sizeof(header));
	if (header.unique != request->unique)
		return spool_outgoing_send(fd, iov, count);
	assert(!request->replied);
	request->replied = true;
	/* what the handler was told holds: time goes on, and may change the answer to another */
	if (request->waitq || (header.error < 0 && header.error != request->refused &&
			       spool_channel_waits(fs, header.error)))
		return total(iov, count);
	header.error = final_error(header.error);
	memcpy(iov[0].iov_base, &header, sizeof(header));
	if (header.error == -ENOSPC || header.error == -EDQUOT)
		spool_refused_log(fs);
	spool_probe_request_answered(request->unique, header.error);
	if (request->answer)
		return spool_request_answer(request, iov, count);
	spool_request_set_answered(request);
	return spool_outgoing_send(fd, iov, count);
}

/* Until it is answered, or has to wait for something that has not come yet. */
static void attempt(struct spool_fs *fs, struct spool_request *request)
{
	const struct fuse_buf buf = {.mem = request->data, .size = request->len};
	const struct spool_outgoing outgoing = {
		.fd = fuse_session_fd(fs->session), .send = take_answer, .ctx = fs};
	struct spool_waitq *queue = NULL;

	pthread_setspecific(fs->current, request);
	spool_outgoing_catch(&outgoing);
	do {
		if (queue) {
			request->attempts++;
			retry(fs, request);
		}
		request->waitq = NULL;
		request->refused = 0;
		request->replied = false;
		spool_waitqs_begin(fs, request);
		fuse_session_process_buf(fs->session, &buf);
		assert(request->replied || spool_request_has_no_answer(request));
		assert(!request->replied || request->answered == !request->waitq);
		queue = request->waitq;
	} while (queue && queue->ops->retry && queue->ops->retry(queue, request));
	spool_outgoing_catch(NULL);
	pthread_setspecific(fs->current, NULL);
}

/* Nothing new is to be done or shown; what only gives back goes on. */
static bool is_refused(const struct spool_fs *fs, const struct spool_request *request)
{
	if (!atomic_load_explicit(&fs->refuses, memory_order_relaxed))
		return false;
	switch (request->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		return false;
	default:
		return true;
	}
}

/* It is answered: what was kept for it until then is given back. */
static void leave(struct spool_fs *fs, struct spool_request *request)
{
	spool_waiting_leave(fs->waiting, request);
	if (request->session.asked)
		spool_sessions_done(fs->sessions, request->session.id, false);
	request->session.asked = false;
}

/* It is answered, or counted as one that waits. */
static void settle(struct spool_fs *fs, struct spool_request *request)
{
	while (request->waitq && !spool_waiting_enter(fs->waiting, request))
		refuse(fs, request);
	if (request->waitq)
		spool_probe_request_deferred(
			request->unique,
			spool_ctl_name(SPOOL_CTL_QUEUES, request->waitq->ops->number));
	else
		leave(fs, request);
}

void spool_channel_process(struct spool_fs *fs, struct spool_request *request, unsigned int how)
{
	assert(request->state == SPOOL_REQUEST_IN_HAND && !request->answered);
	request->may_wait = how & SPOOL_TRY_BLOCK;
	request->last_try |= how & SPOOL_TRY_LAST;
	if (request->waiting.drops_data) { /* its turn has come: the caller is to send it again */
		cut_short(fs, request, request->last_try ? -ENOSPC : -EINTR);
		settle(fs, request);
		return;
	}
	if (request->attempts++ == 0)
		first_time(fs, request);
	else
		retry(fs, request);
	if (request->opcode == FUSE_INTERRUPT) {
		take_interrupt(fs, request);
		return;
	}
	if (is_refused(fs, request)) {
		answer_error(fs, request, -ENOTCONN);
		leave(fs, request);
		return;
	}
	if (request->opcode == SPOOL_WIRE_STATX) {
		answer_statx(fs, request);
		return;
	}
	spool_request_rewrite(request->data, request->len, fs->options->mask);
	attempt(fs, request);
	settle(fs, request);
}

void spool_channel_defer(struct spool_request *request)
{
	spool_channel_keep(request);
	spool_waitqs_take(request);
}

void spool_channel_give_up(struct spool_fs *fs, struct spool_request *request)
{
	const struct spool_waitq_ops *ops = request->waitq->ops;
	struct spool_pulse *pulse;

	if (ops->refuse)
		ops->refuse(request->waitq, request);
	pulse = spool_pulse_pause(fs->pulses);
	spool_channel_process(fs, request, SPOOL_TRY_LAST | SPOOL_TRY_BLOCK);
	spool_pulse_work(pulse);
}

void spool_channel_retry(struct spool_fs *fs, struct spool_request *request, unsigned int how)
{
	assert(request->state == SPOOL_REQUEST_WAITS);
	request->state = SPOOL_REQUEST_IN_HAND;
	spool_channel_process(fs, request, how);
}

void spool_channel_keep(struct spool_request *request)
{
	assert(request->state == SPOOL_REQUEST_IN_HAND && request->waitq && !request->answered);
	request->state = SPOOL_REQUEST_WAITS;
}

void spool_channel_hand_on(struct spool_request *request)
{
	if (request->waitq) {
		spool_channel_defer(request);
		return;
	}
	assert(request->state == SPOOL_REQUEST_IN_HAND && request->answered);
	request->state = SPOOL_REQUEST_FINISHED;
	request->finish(request);
}

void spool_channel_go_on(struct spool_fs *fs, struct spool_request *request, unsigned int how)
{
	spool_channel_retry(fs, request, how);
	spool_waitqs_passed(fs, request);
	spool_channel_hand_on(request);
}

void spool_channel_end(struct spool_fs *fs, struct spool_request *request)
{
	struct spool_pulse *pulse = spool_pulse_pause(fs->pulses);

	spool_channel_go_on(fs, request, SPOOL_TRY_LAST | SPOOL_TRY_BLOCK);
	spool_pulse_work(pulse);
}

bool spool_channel_waits(struct spool_fs *fs, int error)
{
	struct spool_request *request = spool_channel_current(fs);

	if (!request || request->opcode == FUSE_INIT)
		return false;
	request->waitq = spool_waitqs_ask(fs, request, error);
	if (!request->waitq)
		request->refused = error;
	return request->waitq;
}
