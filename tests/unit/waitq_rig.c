/* SPDX-License-Identifier: MIT */
#include "waitq_rig.h"

#include <errno.h>

#include "host/pulse.h"
#include "ops/reply.h"
#include "transport/channel.h"
#include "util/macros.h"

static struct waitq_rig *rig_of(struct spool_waitq *queue)
{
	return spool_container_of(queue, struct waitq_rig, queue);
}

static bool wants(struct spool_waitq *queue, struct spool_request *request, int error)
{
	struct waitq_rig *rig = rig_of(queue);

	return error == -EAGAIN && !request->last_try && rig->n_wants++ >= rig->wants_from;
}

static void take(struct spool_waitq *queue, struct spool_request *request)
{
	(void)request;
	rig_of(queue)->n_taken++;
}

/* Nobody waits here before take(). */
static void interrupt(struct spool_waitq *queue, uint64_t unique)
{
	if (rig_of(queue)->n_taken > 0)
		rig_of(queue)->interrupted = unique;
}

void waitq_rig_signal(struct waitq_rig *rig, uint64_t unique)
{
	struct {
		struct fuse_in_header header;
		struct fuse_interrupt_in in;
	} wire = {.header = {.len = sizeof(wire), .opcode = FUSE_INTERRUPT, .unique = unique | 1},
		  .in = {.unique = unique}};
	struct spool_request request = {.data = &wire, .len = sizeof(wire)};

	CU_ASSERT_TRUE_FATAL(spool_request_parse(&request));
	spool_channel_process(&rig->fs, &request, SPOOL_TRY);
}

static void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct waitq_rig *rig = spool_container_of(fs_of(req), struct waitq_rig, fs);
	const struct spool_pulses *pulses = rig->fs.pulses;
	int error;

	(void)name;
	if (reply_told(req, NULL) != SPOOL_TOLD_NOT) {
		reply_status(req, 0);
		return;
	}
	if (rig->silent)
		return;
	error = rig->answers[rig->n_tries++];
	rig->is_watched = pulses && atomic_load(&pulses->pulses[0].count) % 2;
	if (rig->has_signal)
		waitq_rig_signal(rig, WAITQ_RIG_UNIQUE);
	if (rig->tells) {
		reply_tell_first(req, ino, SPOOL_TELL_ATTRS, 0);
		return;
	}
	if (rig->asks)
		reply_waits(req, error);
	reply_status(req, error);
}

static void finish(struct spool_request *request)
{
	spool_container_of(request, struct waitq_rig, one.request)->n_finished++;
}

struct spool_request *waitq_rig_make(struct waitq_rig *rig)
{
	struct test_request *one = &rig->one;

	*one = (struct test_request){.wire = {.header = {.len = sizeof(one->wire),
							 .opcode = FUSE_REMOVEXATTR,
							 .unique = WAITQ_RIG_UNIQUE,
							 .nodeid = 1,
							 .pid = 1},
					      .name = "user.a"},
				     .request = {.data = &one->wire,
						 .len = sizeof(one->wire),
						 .answer = (char *)&one->answer,
						 .finish = finish}};
	CU_ASSERT_TRUE_FATAL(spool_request_parse(&one->request));
	return &one->request;
}

void waitq_rig_init(struct waitq_rig *rig)
{
	static const struct fuse_lowlevel_ops handlers = {.removexattr = on_removexattr};
	static const struct spool_waitq_ops ops = {.number = SPOOL_CTL_WAITING_RAM,
						   .wants = wants,
						   .take = take,
						   .interrupt = interrupt};

	*rig = (struct waitq_rig){.queue.ops = &ops};
	channel_rig_init(&rig->fs, &rig->engine, &handlers);
	spool_waitqs_add(&rig->fs, &rig->queue);
}

void waitq_rig_fini(struct waitq_rig *rig)
{
	channel_rig_fini(&rig->fs, &rig->engine);
}
