/* SPDX-License-Identifier: MIT */

/* What the kernel is told, by a kernel that takes its time: who waits, for how long, and who does
 * not. */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "host/clock.h"
#include "transport/waitq.h"
#include "wait/notify.h"
#include "unit.h"

#define SLOW_USER 1000u
#define USER 1001u
#define SLOW_INO 5000u /* from here on: the kernel hangs until it is let go */
#define LONG_MS 60000u
#define SHORT_MS 20u

/* The kernel: counts what it is told, and holds those who speak of slow inodes. */
struct kernel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	unsigned int n_held, most_held, n_attrs, n_pages, n_told, n_late;
};

static void kernel_init(struct kernel *kernel)
{
	*kernel = (struct kernel){.open = false};
	pthread_mutex_init(&kernel->lock, NULL);
	pthread_cond_init(&kernel->changed, NULL);
}

static void tell(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off, uint64_t len)
{
	struct kernel *kernel = ctx;

	(void)off;
	(void)len;

	pthread_mutex_lock(&kernel->lock);
	kernel->n_attrs += what == SPOOL_TELL_ATTRS;
	kernel->n_pages += what == SPOOL_TELL_PAGES;
	if (ino >= SLOW_INO) {
		kernel->n_held++;
		kernel->most_held =
			kernel->n_held > kernel->most_held ? kernel->n_held : kernel->most_held;
		pthread_cond_broadcast(&kernel->changed);
		while (!kernel->open)
			pthread_cond_wait(&kernel->changed, &kernel->lock);
		kernel->n_held--;
	}
	pthread_cond_broadcast(&kernel->changed);
	pthread_mutex_unlock(&kernel->lock);
}

static void answer(void *ctx, struct spool_request *request)
{
	struct kernel *kernel = ctx;

	pthread_mutex_lock(&kernel->lock);
	kernel->n_told += request->first.told == SPOOL_TOLD;
	kernel->n_late += request->first.told == SPOOL_TOLD_LATE;
	pthread_cond_broadcast(&kernel->changed);
	pthread_mutex_unlock(&kernel->lock);
}

/* Waits until *@count is at least @n: for ever, if it never is. */
static void wait_for(struct kernel *kernel, const unsigned int *count, unsigned int n)
{
	pthread_mutex_lock(&kernel->lock);
	while (*count < n)
		pthread_cond_wait(&kernel->changed, &kernel->lock);
	pthread_mutex_unlock(&kernel->lock);
}

static void let_go(struct kernel *kernel)
{
	pthread_mutex_lock(&kernel->lock);
	kernel->open = true;
	pthread_cond_broadcast(&kernel->changed);
	pthread_mutex_unlock(&kernel->lock);
}

static struct spool_notify *new_notify(struct kernel *kernel, unsigned int limit_ms)
{
	const struct spool_notify_config config = {
		.tell = tell, .answer = answer, .ctx = kernel, .limit_ms = limit_ms, .held_ms = 2};
	struct spool_notify *notify;

	kernel_init(kernel);
	CU_ASSERT_EQUAL_FATAL(spool_notify_new(&config, &notify), 0);
	return notify;
}

static void take(struct spool_notify *notify, struct spool_request *request, uint64_t ino,
		 enum spool_tell what, uid_t payer)
{
	struct spool_waitq *queue = spool_notify_waitq(notify);

	*request = (struct spool_request){.first = {.tell = what, .ino = ino},
					  .payer = payer,
					  .state = SPOOL_REQUEST_WAITS,
					  .waitq = queue};
	queue->ops->take(queue, request);
}

static void end(struct spool_notify *notify, struct kernel *kernel)
{
	let_go(kernel);
	spool_notify_stop(notify);
	CU_ASSERT_TRUE(spool_notify_end(notify, LONG_MS));
	spool_notify_free(notify);
	pthread_cond_destroy(&kernel->changed);
	pthread_mutex_destroy(&kernel->lock);
}

static void told_then_answered(void)
{
	struct spool_request requests[20];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);

	for (unsigned int i = 0; i < 20; i++)
		take(notify, &requests[i], i + 1, i % 2 ? SPOOL_TELL_ATTRS : SPOOL_TELL_PAGES,
		     USER + i % 3);
	wait_for(&kernel, &kernel.n_told, 20);
	CU_ASSERT_EQUAL(kernel.n_attrs, 10);
	CU_ASSERT_EQUAL(kernel.n_pages, 10);
	CU_ASSERT_EQUAL(kernel.n_late, 0);
	end(notify, &kernel);
}

/* A user for whom the kernel hangs holds a few threads; everybody else gets through. */
static void one_payer_holds_a_part(void)
{
	struct spool_request slow[16], fast[16];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);

	for (unsigned int i = 0; i < 16; i++)
		take(notify, &slow[i], SLOW_INO + i, SPOOL_TELL_PAGES, SLOW_USER);
	wait_for(&kernel, &kernel.n_held, 2);
	for (unsigned int i = 0; i < 16; i++)
		take(notify, &fast[i], i + 1, SPOOL_TELL_PAGES, USER);
	wait_for(&kernel, &kernel.n_told, 16);
	CU_ASSERT_EQUAL(kernel.most_held, 2);
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_told, 32);
	CU_ASSERT_TRUE(kernel.most_held <= 2);
	end(notify, &kernel);
}

/* Six users together hold more threads than there are otherwise, and nobody else is held up. When
 * they let go there are no more threads than before. */
static void held_threads_are_replaced(void)
{
	struct spool_request slow[18], fast[4];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);
	struct spool_notify_stat stat;

	for (unsigned int i = 0; i < 18; i++)
		take(notify, &slow[i], SLOW_INO + i, SPOOL_TELL_PAGES, SLOW_USER + 1 + i % 6);
	wait_for(&kernel, &kernel.n_held, 12);
	for (unsigned int i = 0; i < 4; i++)
		take(notify, &fast[i], i + 1, SPOOL_TELL_PAGES, SLOW_USER + 7 + i);
	wait_for(&kernel, &kernel.n_told, 4);
	CU_ASSERT_EQUAL(kernel.most_held, 12);
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_told, 22);
	do
		spool_notify_stat(notify, &stat);
	while (stat.threads > 8);
	end(notify, &kernel);
}

/* As many as hold threads: there is an end to it, and before that each has one thread only. */
static void held_threads_are_bounded(void)
{
	static struct spool_request slow[2 * 300];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);
	struct spool_notify_stat stat;

	for (unsigned int i = 0; i < 600; i++)
		take(notify, &slow[i], SLOW_INO + i, SPOOL_TELL_PAGES, USER + i / 2);
	wait_for(&kernel, &kernel.n_held, 200);
	CU_ASSERT_FALSE(spool_notify_drain(notify, SHORT_MS, spool_clock_ms() + SHORT_MS));
	spool_notify_stat(notify, &stat);
	CU_ASSERT_EQUAL(stat.threads, 200);
	CU_ASSERT_EQUAL(stat.running, 200);
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_told, 600);
	end(notify, &kernel);
}

/* Requests of two payers come while one thread is idle, before it has woken up: that the kernel
 * hangs for the first one keeps nobody else waiting. */
static void an_idle_thread_is_counted_once(void)
{
	for (unsigned int i = 0; i < 20; i++) {
		struct spool_request first, slow, fast;
		struct kernel kernel;
		struct spool_notify *notify = new_notify(&kernel, LONG_MS);

		take(notify, &first, 1, SPOOL_TELL_PAGES, USER);
		wait_for(&kernel, &kernel.n_told, 1);
		take(notify, &slow, SLOW_INO, SPOOL_TELL_PAGES, SLOW_USER);
		take(notify, &fast, 1, SPOOL_TELL_PAGES, USER);
		wait_for(&kernel, &kernel.n_told, 2);
		let_go(&kernel);
		wait_for(&kernel, &kernel.n_told, 3);
		end(notify, &kernel);
	}
}

/* Those who have waited for the limit are answered; what was to be told is told all the same. */
static void late_ones_are_answered(void)
{
	struct spool_request requests[5];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, SHORT_MS);

	for (unsigned int i = 0; i < 5; i++)
		take(notify, &requests[i], SLOW_INO + i, SPOOL_TELL_ATTRS, SLOW_USER);
	wait_for(&kernel, &kernel.n_late, 5);
	wait_for(&kernel, &kernel.n_held, 2); /* the threads may come to it later than the limit */
	CU_ASSERT_EQUAL(kernel.n_attrs, 2);
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_attrs, 5);
	CU_ASSERT_EQUAL(kernel.n_told, 0);
	end(notify, &kernel);
}

/* Requests for the same inode share what was not begun. */
static void the_same_is_told_once(void)
{
	struct spool_request first[2], same[10];
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);

	for (unsigned int i = 0; i < 2; i++)
		take(notify, &first[i], SLOW_INO + i, SPOOL_TELL_PAGES, SLOW_USER);
	wait_for(&kernel, &kernel.n_held, 2);
	for (unsigned int i = 0; i < 10; i++)
		take(notify, &same[i], SLOW_INO, SPOOL_TELL_PAGES, SLOW_USER);
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_told, 12);
	CU_ASSERT_EQUAL(kernel.n_pages, 3);
	end(notify, &kernel);
}

/* Drops of pages: refused for a user whose queue does not move, taken for others. */
static void drops_are_bounded(void)
{
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);
	unsigned int n = 0;

	while (spool_notify_drop(notify, SLOW_INO + n, SPOOL_TELL_PAGES, SLOW_USER, SHORT_MS))
		n++;
	CU_ASSERT_TRUE(n >= 256 && n <= 258);
	CU_ASSERT_FALSE(
		spool_notify_drop(notify, SLOW_INO + n, SPOOL_TELL_PAGES, SLOW_USER, SHORT_MS));
	CU_ASSERT_TRUE(spool_notify_drop(notify, 1, SPOOL_TELL_PAGES, USER, SHORT_MS));
	let_go(&kernel);
	wait_for(&kernel, &kernel.n_pages, n + 1);
	CU_ASSERT_TRUE(spool_notify_drop(notify, 2, SPOOL_TELL_PAGES, SLOW_USER, SHORT_MS));
	wait_for(&kernel, &kernel.n_pages, n + 2);
	end(notify, &kernel);
}

/* What the kernel takes in its time is waited for; one that takes nothing more is not. */
static void draining_ends(void)
{
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);
	uint64_t long_after = spool_clock_ms() + LONG_MS;

	CU_ASSERT_TRUE(spool_notify_drain(notify, LONG_MS, long_after));
	for (unsigned int i = 1; i <= 100; i++)
		CU_ASSERT_TRUE(spool_notify_drop(notify, i, SPOOL_TELL_PAGES, USER, SHORT_MS));
	CU_ASSERT_TRUE(spool_notify_drain(notify, LONG_MS, long_after));
	CU_ASSERT_EQUAL(kernel.n_pages, 100);
	CU_ASSERT_TRUE(spool_notify_drop(notify, SLOW_INO, SPOOL_TELL_PAGES, SLOW_USER, SHORT_MS));
	wait_for(&kernel, &kernel.n_held, 1);
	CU_ASSERT_FALSE(spool_notify_drain(notify, SHORT_MS, long_after));
	CU_ASSERT_FALSE(spool_notify_drain(notify, LONG_MS, spool_clock_ms() + SHORT_MS));
	let_go(&kernel);
	CU_ASSERT_TRUE(spool_notify_drain(notify, LONG_MS, long_after));
	end(notify, &kernel);
}

/* The end: who waits is answered at once, and what hangs in the kernel is not waited for. */
static void stopping_does_not_hang(void)
{
	struct spool_request requests[6], after;
	struct kernel kernel;
	struct spool_notify *notify = new_notify(&kernel, LONG_MS);

	for (unsigned int i = 0; i < 6; i++)
		take(notify, &requests[i], SLOW_INO + i, SPOOL_TELL_PAGES, SLOW_USER);
	wait_for(&kernel, &kernel.n_held, 2);
	spool_notify_stop(notify);
	CU_ASSERT_EQUAL(kernel.n_late, 6);
	CU_ASSERT_FALSE(spool_notify_end(notify, SHORT_MS));
	take(notify, &after, 1, SPOOL_TELL_PAGES, USER);
	CU_ASSERT_EQUAL(kernel.n_late, 7);
	CU_ASSERT_FALSE(spool_notify_drop(notify, 1, SPOOL_TELL_PAGES, USER, SHORT_MS));
	end(notify, &kernel);
	CU_ASSERT_EQUAL(kernel.n_pages, 2);
}

static void nothing_at_all(void)
{
	spool_notify_stop(NULL);
	CU_ASSERT_TRUE(spool_notify_end(NULL, 0));
	spool_notify_free(NULL);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"told, then answered", told_then_answered},
		{"one payer holds a part", one_payer_holds_a_part},
		{"held threads are replaced", held_threads_are_replaced},
		{"held threads are bounded", held_threads_are_bounded},
		{"an idle thread is counted once", an_idle_thread_is_counted_once},
		{"late ones are answered", late_ones_are_answered},
		{"the same is told once", the_same_is_told_once},
		{"drops are bounded", drops_are_bounded},
		{"draining ends", draining_ends},
		{"stopping does not hang", stopping_does_not_hang},
		{"nothing at all", nothing_at_all},
	};

	return unit_run("notify", tests, sizeof(tests) / sizeof(tests[0]));
}
