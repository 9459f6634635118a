/* SPDX-License-Identifier: MIT */

/*
 * The way of a request between handlers and a wait queue, and who has it when: what is done with it
 * by one who has it not ends the daemon, in builds that check.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/channel.h"
#include "engine_rig.h"
#include "fs.h"
#include "host/pulse.h"
#include "ops/reply.h"
#include "transport/waitq.h"
#include "transport/wire.h"
#include "wait/for_disk.h"
#include "wait/for_ram.h"
#include "wait/notify.h"

#define UNIQUE 4711u /* of the request */

static struct engine_rig rig;
static struct spool_options options;
static struct spool_fs fs;

static int answers[4];       /* what the handler answers, try by try: 0 or -errno */
static bool asks;            /* it asks before whether that is an answer */
static bool tells;           /* it has the kernel told when it is done */
static bool silent;          /* it answers nothing */
static bool is_watched;      /* the thread may not wait, when the handler ran last */
static bool has_signal;      /* its caller gets one while the handler runs */
static uint64_t interrupted; /* of whom the queue was told when it had him */
static unsigned int n_tries, n_taken, n_finished, n_wants, wants_from;

/* Wants what is answered -EAGAIN, from the time on that it is shown so often, but not at last. */
static bool wants(struct spool_waitq *queue, struct spool_request *request, int error)
{
	(void)queue;
	return error == -EAGAIN && !request->last_try && n_wants++ >= wants_from;
}

static void take(struct spool_waitq *queue, struct spool_request *request)
{
	(void)queue;
	(void)request;
	n_taken++;
}

/* Nobody waits here before take(). */
static void interrupt(struct spool_waitq *queue, uint64_t unique)
{
	(void)queue;
	if (n_taken > 0)
		interrupted = unique;
}

static const struct spool_waitq_ops queue_ops = {
	.number = SPOOL_CTL_WAITING_RAM, .wants = wants, .take = take, .interrupt = interrupt};
static struct spool_waitq queue = {.ops = &queue_ops};

static void send_signal(uint64_t unique)
{
	struct {
		struct fuse_in_header header;
		struct fuse_interrupt_in in;
	} wire = {.header = {.len = sizeof(wire), .opcode = FUSE_INTERRUPT, .unique = unique | 1},
		  .in = {.unique = unique}};
	struct spool_request request = {.data = &wire, .len = sizeof(wire)};

	CU_ASSERT_TRUE_FATAL(spool_request_parse(&request));
	spool_channel_process(&fs, &request, SPOOL_TRY);
}

static void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	int error;

	(void)name;
	if (reply_told(req, NULL) != SPOOL_TOLD_NOT) {
		reply_status(req, 0);
		return;
	}
	if (silent)
		return;
	error = answers[n_tries++];
	is_watched = fs.pulses && atomic_load(&fs.pulses->pulses[0].count) % 2;
	if (has_signal)
		send_signal(UNIQUE);
	if (tells) {
		reply_tell_first(req, ino, SPOOL_TELL_ATTRS, 0);
		return;
	}
	if (asks)
		reply_waits(req, error);
	reply_status(req, error);
}

/* A request with room for its answer, as those of a ring have. */
struct test_request {
	struct spool_request request;
	struct {
		struct fuse_in_header header;
		char name[8];
	} wire;
	struct fuse_out_header answer;
};

static void finish(struct spool_request *request)
{
	(void)request;
	n_finished++;
}

static struct test_request one;

static struct spool_request *make(void)
{
	one = (struct test_request){.wire = {.header = {.len = sizeof(one.wire),
							.opcode = FUSE_REMOVEXATTR,
							.unique = UNIQUE,
							.nodeid = 1,
							.pid = 1},
					     .name = "user.a"},
				    .request = {.data = &one.wire,
						.len = sizeof(one.wire),
						.answer = (char *)&one.answer,
						.finish = finish}};
	CU_ASSERT_TRUE_FATAL(spool_request_parse(&one.request));
	return &one.request;
}

/* libfuse wants it first; what it answers goes to /dev/null. */
static void send_init(void)
{
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
	} wire = {
		.header = {.len = sizeof(wire), .opcode = FUSE_INIT, .unique = 2},
		.in = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = 4096},
	};
	struct fuse_buf buf = {.mem = &wire, .size = sizeof(wire)};

	fuse_session_process_buf(fs.session, &buf);
}

static void start(void)
{
	static const struct fuse_lowlevel_ops ops = {.removexattr = on_removexattr};
	struct fuse_args args = FUSE_ARGS_INIT(1, (char *[]){(char[]){"test"}});

	memset(answers, 0, sizeof(answers));
	asks = tells = silent = has_signal = false;
	interrupted = 0;
	n_tries = n_taken = n_finished = n_wants = wants_from = 0;
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	fs = (struct spool_fs){.engine = rig.engine, .options = &options};
	CU_ASSERT_EQUAL_FATAL(pthread_key_create(&fs.current, NULL), 0);
	fs.session = fuse_session_new(&args, &ops, sizeof(ops), &fs);
	fuse_opt_free_args(&args); /* libfuse has made a copy of them */
	CU_ASSERT_PTR_NOT_NULL_FATAL(fs.session);
	CU_ASSERT_EQUAL_FATAL(
		spool_channel_attach(fs.session, open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	send_init();
	spool_waitqs_add(&fs, &queue);
}

static void end(void)
{
	fuse_session_destroy(fs.session);
	pthread_key_delete(fs.current);
	engine_rig_fini(&rig);
}

static void a_signal_that_comes_before_it_waits_is_not_lost(void)
{
	for (int i = 0; i < 2; i++) {
		struct spool_request *request;

		start();
		request = make();
		answers[0] = -EAGAIN;
		has_signal = i == 1;
		send_signal(UNIQUE + 2); /* of another one */
		spool_channel_process(&fs, request, SPOOL_TRY);
		CU_ASSERT_EQUAL(interrupted, 0);
		spool_channel_defer(request);
		CU_ASSERT_EQUAL(n_taken, 1);
		CU_ASSERT_EQUAL(interrupted, has_signal ? UNIQUE : 0);
		has_signal = false;
		interrupted = 0;
		send_signal(UNIQUE);
		CU_ASSERT_EQUAL(interrupted, UNIQUE);
		spool_channel_go_on(&fs, request, SPOOL_TRY);
		CU_ASSERT_EQUAL(n_finished, 1);
		end();
	}
}

static void it_waits_until_its_turn_has_come(void)
{
	struct spool_request *request;

	start();
	request = make();
	answers[0] = answers[1] = -EAGAIN;
	spool_channel_process(&fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, &queue);
	CU_ASSERT_FALSE(request->answered);
	CU_ASSERT_EQUAL(n_taken, 0);
	spool_channel_defer(request);
	CU_ASSERT_EQUAL(n_taken, 1);
	spool_channel_go_on(&fs, request, SPOOL_TRY);
	CU_ASSERT_EQUAL(n_taken, 2);
	CU_ASSERT_EQUAL(n_finished, 0);
	spool_channel_go_on(&fs, request, SPOOL_TRY);
	CU_ASSERT_EQUAL(n_tries, 3);
	CU_ASSERT_EQUAL(n_finished, 1);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(one.answer.error, 0);
	end();
}

/* Time goes on between the question and the answer. */
static void what_a_handler_is_told_holds(void)
{
	struct spool_request *request;

	start();
	asks = true;
	wants_from = 1; /* the queue would want it the second time */
	answers[0] = -EAGAIN;
	request = make();
	spool_channel_process(&fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_NULL(request->waitq);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(n_wants, 1);
	CU_ASSERT_EQUAL(one.answer.error, -ENOSPC);
	end();
}

/* What handlers answer for queues alone never reaches the kernel, which would not take it. */
static void our_own_errors_stay_here(void)
{
	static const int own[] = {SPOOL_COUNT_FIRST, SPOOL_TELL_FIRST, SPOOL_SPILL_FIRST};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		start();
		answers[0] = own[i];
		spool_channel_process(&fs, make(), SPOOL_TRY);
		CU_ASSERT_TRUE(one.request.answered);
		CU_ASSERT_EQUAL(one.answer.error, -EIO);
		end();
	}
}

/* Without memory for it to wait: it is answered as it stands. */
static void what_cannot_wait_is_answered(void)
{
	struct spool_request *request;
	struct spool_pulse *pulse;

	start();
	CU_ASSERT_EQUAL_FATAL(spool_pulses_new(&fs.pulses), 0);
	pulse = spool_pulse_join(fs.pulses);
	answers[0] = answers[1] = -EAGAIN;
	request = make();
	spool_pulse_work(pulse);
	spool_channel_process(&fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, &queue);
	CU_ASSERT_TRUE(is_watched);
	spool_channel_give_up(&fs, request); /* it may wait for the disk: that is no hang */
	CU_ASSERT_FALSE(is_watched);
	CU_ASSERT_EQUAL(atomic_load(&pulse->count) % 2, 1);
	spool_pulses_free(fs.pulses);
	CU_ASSERT_EQUAL(n_tries, 2);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(one.answer.error, -ENOSPC);
	end();
}

static void tell_nobody(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off, uint64_t len)
{
	(void)ctx;
	(void)ino;
	(void)what;
	(void)off;
	(void)len;
}

/* All has been done, and the kernel alone is to be told: it is not done a second time. */
static void what_is_done_is_not_done_again(void)
{
	const struct spool_notify_config config = {.tell = tell_nobody};
	struct spool_request *request;

	start();
	CU_ASSERT_EQUAL_FATAL(spool_notify_new(&config, &fs.notify), 0);
	spool_waitqs_add(&fs, spool_notify_waitq(fs.notify));
	tells = true;
	request = make();
	spool_channel_process(&fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, spool_notify_waitq(fs.notify));
	spool_channel_give_up(&fs, request);
	CU_ASSERT_EQUAL(n_tries, 1);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(one.answer.error, 0);
	spool_notify_stop(fs.notify);
	CU_ASSERT_TRUE_FATAL(spool_notify_end(fs.notify, 60000));
	spool_notify_free(fs.notify);
	end();
}

static bool aborts(void (*fn)(struct spool_request *request))
{
	struct spool_request *request = make();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn(request);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void well(struct spool_request *request)
{
	answers[0] = -EAGAIN;
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_go_on(&fs, request, SPOOL_TRY);
}

static void process_what_waits(struct spool_request *request)
{
	answers[0] = -EAGAIN;
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_process(&fs, request, SPOOL_TRY);
}

static void process_what_is_answered(struct spool_request *request)
{
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_process(&fs, request, SPOOL_TRY);
}

static void answer_twice(struct spool_request *request)
{
	struct fuse_out_header header = {.len = sizeof(header), .unique = request->unique};
	const struct iovec iov = {.iov_base = &header, .iov_len = sizeof(header)};

	spool_request_answer(request, &iov, 1);
	spool_request_answer(request, &iov, 1);
}

static void defer_twice(struct spool_request *request)
{
	answers[0] = -EAGAIN;
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_defer(request);
}

static void go_on_with_what_does_not_wait(struct spool_request *request)
{
	spool_channel_go_on(&fs, request, SPOOL_TRY);
}

static void keep_what_is_answered(struct spool_request *request)
{
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_keep(request);
}

static void finish_what_is_not_answered(struct spool_request *request)
{
	spool_channel_hand_on(request);
}

static void finish_twice(struct spool_request *request)
{
	well(request);
	spool_channel_hand_on(request);
}

static void answer_never(struct spool_request *request)
{
	silent = true;
	spool_channel_process(&fs, request, SPOOL_TRY);
}

static void answer_with_a_count(struct spool_request *request)
{
	answers[0] = 1;
	spool_channel_process(&fs, request, SPOOL_TRY);
}

/* What is to be answered now has no time to tell anybody anything. */
static void tell_first_at_last(struct spool_request *request)
{
	tells = true;
	spool_channel_process(&fs, request, SPOOL_TRY_LAST);
}

static struct spool_waitq *disk(void)
{
	struct spool_for_disk *ret;

	if (spool_for_disk_new(&fs, NULL, &ret) < 0)
		_exit(1);
	spool_waitqs_add(&fs, spool_for_disk_waitq(ret));
	return spool_for_disk_waitq(ret);
}

static void wait_for_the_disk(struct spool_request *request)
{
	answers[0] = SPOOL_WOULD_BLOCK;
	disk();
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
}

/* Nobody has said that it waits. */
static void take_what_is_in_hand(struct spool_request *request)
{
	struct spool_waitq *other = disk();

	other->ops->take(other, request);
}

static void take_what_waits_elsewhere(struct spool_request *request)
{
	struct spool_waitq *other = disk();

	answers[0] = -EAGAIN;
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	other->ops->take(other, request);
}

/* Its requests would never be answered. */
static void free_a_queue_with_requests(struct spool_request *request)
{
	struct spool_for_ram *ret;

	answers[0] = answers[1] = -EAGAIN;
	if (spool_for_ram_new(&fs, &ret) < 0)
		_exit(1);
	spool_waitqs_add(&fs, spool_for_ram_waitq(ret));
	spool_channel_process(&fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_for_ram_free(ret);
}

static bool is_checked(void)
{
#ifdef NDEBUG
	return false;
#else
	return true;
#endif
}

/* Handlers and queues keep to the same. */
static void they_do_as_they_must(void)
{
	void (*const wrong[])(struct spool_request *) = {
		answer_never,         answer_with_a_count,       tell_first_at_last,
		take_what_is_in_hand, take_what_waits_elsewhere, free_a_queue_with_requests,
	};

	start();
	CU_ASSERT_FALSE(aborts(wait_for_the_disk));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) && is_checked(); i++)
		CU_ASSERT_TRUE(aborts(wrong[i]));
	end();
}

static void one_has_it_at_a_time(void)
{
	const bool checked = is_checked();
	void (*const wrong[])(struct spool_request *) = {
		process_what_waits,
		process_what_is_answered,
		answer_twice,
		go_on_with_what_does_not_wait,
		finish_what_is_not_answered,
		finish_twice,
	};

	start();
	CU_ASSERT_FALSE(aborts(well));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) && checked; i++)
		CU_ASSERT_TRUE(aborts(wrong[i]));
	CU_ASSERT_EQUAL(aborts(defer_twice), checked);
	CU_ASSERT_EQUAL(aborts(keep_what_is_answered), checked);
	end();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"it waits until its turn has come", it_waits_until_its_turn_has_come},
		{"what a handler is told holds", what_a_handler_is_told_holds},
		{"our own errors stay here", our_own_errors_stay_here},
		{"what cannot wait is answered", what_cannot_wait_is_answered},
		{"what is done is not done again", what_is_done_is_not_done_again},
		{"a signal that comes before it waits is not lost",
		 a_signal_that_comes_before_it_waits_is_not_lost},
		{"one has it at a time", one_has_it_at_a_time},
		{"they do as they must", they_do_as_they_must},
	};

	return unit_run("waitq", tests, sizeof(tests) / sizeof(tests[0]));
}
