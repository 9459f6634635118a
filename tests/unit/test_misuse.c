/* SPDX-License-Identifier: MIT */

/*
 * Who has a request, and what handlers and queues owe it: what is done with it by one who has it
 * not, or is not done at all, ends the daemon, in builds that check.
 */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/channel.h"
#include "wait/for_disk.h"
#include "wait/for_ram.h"
#include "waitq_rig.h"

static struct waitq_rig rig;

static bool aborts(void (*fn)(struct spool_request *request))
{
	struct spool_request *request = waitq_rig_make(&rig);
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
	rig.answers[0] = -EAGAIN;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
}

static void process_what_waits(struct spool_request *request)
{
	rig.answers[0] = -EAGAIN;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
}

static void process_what_is_answered(struct spool_request *request)
{
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
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
	rig.answers[0] = -EAGAIN;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	spool_channel_defer(request);
}

static void go_on_with_what_does_not_wait(struct spool_request *request)
{
	spool_channel_go_on(&rig.fs, request, SPOOL_TRY);
}

static void keep_what_is_answered(struct spool_request *request)
{
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
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
	rig.silent = true;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
}

static void answer_with_a_count(struct spool_request *request)
{
	rig.answers[0] = 1;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
}

/* What is to be answered now has no time to tell anybody anything. */
static void tell_first_at_last(struct spool_request *request)
{
	rig.tells = true;
	spool_channel_process(&rig.fs, request, SPOOL_TRY_LAST);
}

static struct spool_waitq *disk(void)
{
	struct spool_for_disk *ret;

	if (spool_for_disk_new(&rig.fs, NULL, &ret) < 0)
		_exit(1);
	spool_waitqs_add(&rig.fs, spool_for_disk_waitq(ret));
	return spool_for_disk_waitq(ret);
}

static void wait_for_the_disk(struct spool_request *request)
{
	rig.answers[0] = SPOOL_WOULD_BLOCK;
	disk();
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
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

	rig.answers[0] = -EAGAIN;
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
	spool_channel_defer(request);
	other->ops->take(other, request);
}

/* Its requests would never be answered. */
static void free_a_queue_with_requests(struct spool_request *request)
{
	struct spool_for_ram *ret;

	rig.answers[0] = rig.answers[1] = -EAGAIN;
	if (spool_for_ram_new(&rig.fs, &ret) < 0)
		_exit(1);
	spool_waitqs_add(&rig.fs, spool_for_ram_waitq(ret));
	spool_channel_process(&rig.fs, request, SPOOL_TRY);
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

	waitq_rig_init(&rig);
	CU_ASSERT_FALSE(aborts(wait_for_the_disk));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) && is_checked(); i++)
		CU_ASSERT_TRUE(aborts(wrong[i]));
	waitq_rig_fini(&rig);
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

	waitq_rig_init(&rig);
	CU_ASSERT_FALSE(aborts(well));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]) && checked; i++)
		CU_ASSERT_TRUE(aborts(wrong[i]));
	CU_ASSERT_EQUAL(aborts(defer_twice), checked);
	CU_ASSERT_EQUAL(aborts(keep_what_is_answered), checked);
	waitq_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"one has it at a time", one_has_it_at_a_time},
		{"they do as they must", they_do_as_they_must},
	};

	return unit_run("misuse", tests, sizeof(tests) / sizeof(tests[0]));
}
