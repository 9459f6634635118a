/* SPDX-License-Identifier: MIT */

/* Threads that wait for the disk, when it hangs for what some ask of it. */

#include <pthread.h>

#include "fs.h"
#include "host/pulse.h"
#include "transport/request.h"
#include "transport/waitq.h"
#include "wait/for_disk.h"
#include "unit.h"

#define OF_PAYER 16u /* as in fs/wait/for_disk.c */
#define N 100u
#define FROZEN 1000u /* and above: their requests hang until the disk thaws */

static struct spool_fs fs;
static struct spool_request requests[N];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int begun[FROZEN + 8], ended; /* by payer; all */
static bool frozen;

static void serve(struct spool_fs *ctx, struct spool_request *request)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	begun[request->payer]++;
	pthread_cond_broadcast(&changed);
	while (frozen && request->payer >= FROZEN)
		pthread_cond_wait(&changed, &lock);
	ended++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const unsigned int *what, unsigned int n)
{
	pthread_mutex_lock(&lock);
	while (*what < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void take(struct spool_for_disk *disk, unsigned int i, uid_t payer)
{
	struct spool_waitq *queue = spool_for_disk_waitq(disk);

	requests[i] = (struct spool_request){
		.payer = payer, .state = SPOOL_REQUEST_WAITS, .waitq = queue};
	queue->ops->take(queue, &requests[i]);
}

static struct spool_for_disk *freeze(void)
{
	struct spool_for_disk *disk;

	frozen = true;
	ended = 0;
	for (unsigned int i = 0; i < sizeof(begun) / sizeof(begun[0]); i++)
		begun[i] = 0;
	CU_ASSERT_EQUAL_FATAL(spool_for_disk_new(&fs, serve, &disk), 0);
	return disk;
}

static void thaw(struct spool_for_disk *disk, unsigned int n)
{
	pthread_mutex_lock(&lock);
	frozen = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	spool_for_disk_stop(disk);
	CU_ASSERT_EQUAL(ended, n);
	spool_for_disk_free(disk);
}

/* One user's requests hang: the other's are served, one after another and at the same time. */
static void one_payer_does_not_take_all(void)
{
	struct spool_for_disk *disk = freeze();

	for (unsigned int i = 0; i < N - 20; i++)
		take(disk, i, FROZEN);
	wait_for(&begun[FROZEN], OF_PAYER);
	for (unsigned int i = N - 20; i < N; i++)
		take(disk, i, 1);
	wait_for(&ended, 20);
	CU_ASSERT_EQUAL(begun[1], 20);
	CU_ASSERT_EQUAL(begun[FROZEN], OF_PAYER);
	thaw(disk, N);
	CU_ASSERT_EQUAL(begun[FROZEN], N - 20);
}

/* Those of four users hang, who have half of the threads; a fifth gets few, others are served. */
static void four_payers_do_not_take_all(void)
{
	struct spool_for_disk *disk = freeze();

	for (unsigned int i = 0; i < 4 * OF_PAYER; i++)
		take(disk, i, FROZEN + i % 4);
	for (unsigned int i = 0; i < 4; i++)
		wait_for(&begun[FROZEN + i], OF_PAYER);
	for (unsigned int i = 0; i < 10; i++)
		take(disk, 4 * OF_PAYER + i, FROZEN + 4);
	wait_for(&begun[FROZEN + 4], 2);
	take(disk, 4 * OF_PAYER + 10, 1);
	wait_for(&begun[1], 1);
	CU_ASSERT_EQUAL(begun[FROZEN + 4], 2);
	thaw(disk, 4 * OF_PAYER + 11);
	CU_ASSERT_EQUAL(begun[FROZEN + 4], 10);
}

static bool counted; /* serve() found the thread's count odd: it is watched */

static void serve_watched(struct spool_fs *ctx, struct spool_request *request)
{
	(void)request;
	counted = atomic_load(&ctx->pulses->pulses[0].count) % 2;
}

/* As if no thread could be started: who takes requests serves it, however slow the disk is, and
 * that is no hang of his. */
static void waiting_here_is_no_hang(void)
{
	struct spool_pulse *pulse;
	struct spool_for_disk *disk;

	CU_ASSERT_EQUAL_FATAL(spool_pulses_new(-1, &fs.pulses), 0);
	CU_ASSERT_EQUAL_FATAL(spool_for_disk_new(&fs, serve_watched, &disk), 0);
	spool_for_disk_stop(disk);
	pulse = spool_pulse_join(fs.pulses);
	spool_pulse_work(pulse);
	counted = true;
	take(disk, 0, 1);
	CU_ASSERT_FALSE(counted);
	CU_ASSERT_EQUAL(atomic_load(&pulse->count) % 2, 1); /* watched again */
	spool_pulse_rest(pulse);
	take(disk, 0, 1);
	CU_ASSERT_EQUAL(atomic_load(&pulse->count) % 2, 0);
	spool_for_disk_free(disk);
	spool_pulses_free(fs.pulses);
	fs.pulses = NULL;
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"one payer does not take all", one_payer_does_not_take_all},
		{"four payers do not take all", four_payers_do_not_take_all},
		{"waiting here is no hang", waiting_here_is_no_hang},
	};

	return unit_run("for_disk", tests, sizeof(tests) / sizeof(tests[0]));
}
