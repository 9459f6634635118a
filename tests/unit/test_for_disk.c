/* SPDX-License-Identifier: MIT */

/* Threads that wait for the disk, when it hangs for what some ask of it. */

#include <pthread.h>
#include <sched.h>

#include "fs.h"
#include "host/pulse.h"
#include "host/thread.h"
#include "transport/request.h"
#include "transport/waitq.h"
#include "transport/wire.h"
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
static int served_by; /* how many CPUs the thread of the last one may run on */

static void serve(struct spool_fs *ctx, struct spool_request *request)
{
	cpu_set_t cpus;

	(void)ctx;
	pthread_mutex_lock(&lock);
	begun[request->payer]++;
	pthread_cond_broadcast(&changed);
	while (frozen && request->payer >= FROZEN)
		pthread_cond_wait(&changed, &lock);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		served_by = CPU_COUNT(&cpus);
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

/* A READ of @size bytes. */
static void take_read(struct spool_for_disk *disk, unsigned int i, uid_t payer, uint32_t size)
{
	static struct {
		struct fuse_in_header header;
		struct fuse_read_in read;
	} wire[N];
	struct spool_waitq *queue = spool_for_disk_waitq(disk);

	wire[i].read.size = size;
	requests[i] = (struct spool_request){.data = &wire[i],
					     .len = sizeof(wire[i]),
					     .opcode = FUSE_READ,
					     .payer = payer,
					     .state = SPOOL_REQUEST_WAITS,
					     .waitq = queue};
	queue->ops->take(queue, &requests[i]);
}

/* Two reads of payer 1 beside one that hangs: the one of 16 KiB finds the near thread busy. */
static void *take_near(void *arg)
{
	struct spool_for_disk *disk = arg;

	spool_thread_pin((unsigned int)sched_getcpu());
	take_read(disk, 0, FROZEN, 4096);
	wait_for(&begun[FROZEN], 1);
	take_read(disk, 1, 1, 16384);
	wait_for(&ended, 1);
	return NULL;
}

/* One after the other, of the longest that stays near, and of one that is longer. */
static void *take_far(void *arg)
{
	struct spool_for_disk *disk = arg;

	spool_thread_pin((unsigned int)sched_getcpu());
	take_read(disk, 0, 1, 16384);
	wait_for(&ended, 1);
	CU_ASSERT_EQUAL(served_by, 1);
	take_read(disk, 1, 1, 16385);
	wait_for(&ended, 2);
	return NULL;
}

static struct spool_for_disk *run(void *(*takes)(void *arg))
{
	struct spool_for_disk *disk = freeze();
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(spool_thread_start(&thread, "takes", takes, disk), 0);
	pthread_join(thread, NULL);
	return disk;
}

/* A short read has a thread on the CPU that it comes from; when that is busy it is like others. */
static void short_reads_stay_near(void)
{
	struct spool_for_disk *disk = run(take_near);
	unsigned int busy;
	cpu_set_t all;

	CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof(all), &all), 0);
	CU_ASSERT_EQUAL(served_by, CPU_COUNT(&all));
	CU_ASSERT_EQUAL(spool_for_disk_threads(disk, &busy), 2);
	CU_ASSERT_TRUE(busy >= 1);
	thaw(disk, 2);
	disk = run(take_far);
	CU_ASSERT_EQUAL(served_by, CPU_COUNT(&all));
	CU_ASSERT_EQUAL(spool_for_disk_threads(disk, &busy), 2);
	thaw(disk, 2);
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
		{"short reads stay near", short_reads_stay_near},
		{"waiting here is no hang", waiting_here_is_no_hang},
	};

	return unit_run("for_disk", tests, sizeof(tests) / sizeof(tests[0]));
}
