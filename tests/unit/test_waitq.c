/* SPDX-License-Identifier: MIT */

/* The way of a request between handlers and a wait queue. test_misuse.c does it wrong. */

#include <errno.h>

#include "host/pulse.h"
#include "transport/channel.h"
#include "wait/notify.h"
#include "waitq_rig.h"

static struct waitq_rig rig;

static void a_signal_that_comes_before_it_waits_is_not_lost(void)
{
	for (int i = 0; i < 2; i++) {
		struct spool_request *request;

		waitq_rig_init(&rig);
		request = waitq_rig_make(&rig);
		rig.answers[0] = -EAGAIN;
		rig.has_signal = i == 1;
		waitq_rig_signal(&rig, WAITQ_RIG_UNIQUE + 2); /* of another one */
		spool_channel_process(&rig.fs, request, SPOOL_TRY);
		CU_ASSERT_EQUAL(rig.interrupted, 0);
		spool_channel_defer(request);
		CU_ASSERT_EQUAL(rig.n_taken, 1);
		CU_ASSERT_EQUAL(rig.interrupted, rig.has_signal ? WAITQ_RIG_UNIQUE : 0);
		rig.has_signal = false;
		rig.interrupted = 0;
		waitq_rig_signal(&rig, WAITQ_RIG_UNIQUE);
		CU_ASSERT_EQUAL(rig.interrupted, WAITQ_RIG_UNIQUE);
		spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
		CU_ASSERT_EQUAL(rig.n_finished, 1);
		waitq_rig_fini(&rig);
	}
}

/* It was told in the queue that it came to first; the next one knows nothing of that. */
static void a_signal_is_told_whenever_it_waits(void)
{
	struct spool_request *request;

	waitq_rig_init(&rig);
	request = waitq_rig_make(&rig);
	rig.answers[0] = rig.answers[1] = rig.answers[2] = -EAGAIN;
	waitq_rig_signal(&rig, WAITQ_RIG_UNIQUE);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(rig.interrupted, WAITQ_RIG_UNIQUE);
		rig.interrupted = 0;
		spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
	}
	CU_ASSERT_EQUAL(rig.interrupted, WAITQ_RIG_UNIQUE);
	spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_EQUAL(rig.n_finished, 1);
	waitq_rig_fini(&rig);
}

static void it_waits_until_its_turn_has_come(void)
{
	struct spool_request *request;

	waitq_rig_init(&rig);
	request = waitq_rig_make(&rig);
	rig.answers[0] = rig.answers[1] = -EAGAIN;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, &rig.queue);
	CU_ASSERT_FALSE(request->answered);
	CU_ASSERT_EQUAL(rig.n_taken, 0);
	spool_channel_defer(request);
	CU_ASSERT_EQUAL(rig.n_taken, 1);
	spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_EQUAL(rig.n_taken, 2);
	CU_ASSERT_EQUAL(rig.n_finished, 0);
	spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_EQUAL(rig.n_tries, 3);
	CU_ASSERT_EQUAL(rig.n_finished, 1);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(rig.one.answer.error, 0);
	waitq_rig_fini(&rig);
}

/* Time goes on between the question and the answer. */
static void what_a_handler_is_told_holds(void)
{
	struct spool_request *request;

	waitq_rig_init(&rig);
	rig.asks = true;
	rig.wants_from = 1; /* the queue would want it the second time */
	rig.answers[0] = -EAGAIN;
	request = waitq_rig_make(&rig);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_NULL(request->waitq);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(rig.n_wants, 1);
	CU_ASSERT_EQUAL(rig.one.answer.error, -ENOSPC);
	waitq_rig_fini(&rig);
}

/* What handlers answer for queues alone never reaches the kernel, which would not take it. */
static void our_own_errors_stay_here(void)
{
	static const int own[] = {SPOOL_COUNT_FIRST, SPOOL_TELL_FIRST, SPOOL_SPILL_FIRST};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		waitq_rig_init(&rig);
		rig.answers[0] = own[i];
		spool_channel_process(&rig.fs, waitq_rig_make(&rig), SPOOL_TRY);
		CU_ASSERT_TRUE(rig.one.request.answered);
		CU_ASSERT_EQUAL(rig.one.answer.error, -EIO);
		waitq_rig_fini(&rig);
	}
}

/* Without memory for it to wait: it is answered as it stands. */
static void what_cannot_wait_is_answered(void)
{
	struct spool_request *request;
	struct spool_pulse *pulse;

	waitq_rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(spool_pulses_new(-1, &rig.fs.pulses), 0);
	pulse = spool_pulse_join(rig.fs.pulses);
	rig.answers[0] = rig.answers[1] = -EAGAIN;
	request = waitq_rig_make(&rig);
	spool_pulse_work(pulse);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, &rig.queue);
	CU_ASSERT_TRUE(rig.is_watched);
	spool_channel_give_up(&rig.fs, request); /* it may wait for the disk: that is no hang */
	CU_ASSERT_FALSE(rig.is_watched);
	CU_ASSERT_EQUAL(atomic_load(&pulse->count) % 2, 1);
	spool_pulses_free(rig.fs.pulses);
	CU_ASSERT_EQUAL(rig.n_tries, 2);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(rig.one.answer.error, -ENOSPC);
	waitq_rig_fini(&rig);
}

/* All has been done, and the kernel alone is to be told: it is not done a second time. */
static void what_is_done_is_not_done_again(void)
{
	const struct spool_notify_config config = {.tell = channel_rig_tell_nobody};
	struct spool_request *request;

	waitq_rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(spool_notify_new(&config, &rig.fs.notify), 0);
	spool_waitqs_add(&rig.fs, spool_notify_waitq(rig.fs.notify));
	rig.tells = true;
	request = waitq_rig_make(&rig);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	CU_ASSERT_PTR_EQUAL(request->waitq, spool_notify_waitq(rig.fs.notify));
	spool_channel_give_up(&rig.fs, request);
	CU_ASSERT_EQUAL(rig.n_tries, 1);
	CU_ASSERT_TRUE(request->answered);
	CU_ASSERT_EQUAL(rig.one.answer.error, 0);
	spool_notify_stop(rig.fs.notify);
	CU_ASSERT_TRUE_FATAL(spool_notify_end(rig.fs.notify, 60000));
	spool_notify_free(rig.fs.notify);
	waitq_rig_fini(&rig);
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
		{"a signal is told whenever it waits", a_signal_is_told_whenever_it_waits},
	};

	return unit_run("waitq", tests, sizeof(tests) / sizeof(tests[0]));
}
