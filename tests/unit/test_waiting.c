/* SPDX-License-Identifier: MIT */

/* Bounds on what waits: of one payer, of all together, and on the data of writes. */

#include <pthread.h>

#include "fs.h"
#include "options/options.h"
#include "unit.h"
#include "transport/waiting.h"
#include "transport/waitq.h"
#include "transport/wire.h"

/* As in fs/transport/waiting.c */
#define OF_PAYER 8192u
#define OF_ALL (4 * OF_PAYER)
#define OF_MANY (OF_ALL / 4 * 3)
#define FEW 64u
#define MIB (UINT64_C(1) << 20)

static struct spool_fs fs;
static struct spool_request requests[OF_ALL + 1];
static unsigned int used;

static const struct spool_waitq_ops release_ops = {.number = SPOOL_CTL_WAITING_RELEASE,
						   .own_bound = true};
static const struct spool_waitq_ops ram_ops = {.number = SPOOL_CTL_WAITING_RAM};
static const struct spool_waitq_ops disk_ops = {.number = SPOOL_CTL_WAITING_DISK};
static const struct spool_waitq_ops notify_ops = {.number = SPOOL_CTL_WAITING_NOTIFY};
static struct spool_waitq release = {.ops = &release_ops}, ram = {.ops = &ram_ops},
			  disk = {.ops = &disk_ops}, notify = {.ops = &notify_ops};

static void start(void)
{
	used = 0;
	CU_ASSERT_EQUAL_FATAL(spool_waiting_new(&fs, &fs.waiting), 0);
}

/* All leave, and nobody waits. */
static void end(void)
{
	struct spool_waiting_stat stat;

	while (used > 0)
		spool_waiting_leave(fs.waiting, &requests[--used]);
	spool_waiting_stat(fs.waiting, &stat);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		CU_ASSERT_EQUAL(stat.n[i], 0);
	CU_ASSERT_EQUAL(stat.data, 0);
	CU_ASSERT_EQUAL(stat.payers, 0);
	spool_waiting_free(fs.waiting);
}

static struct spool_request *make(uid_t payer, struct spool_waitq *reason)
{
	requests[used] = (struct spool_request){
		.uid = payer, .pid = 1, .payer = payer, .opcode = FUSE_READ, .waitq = reason};
	return &requests[used++];
}

/* How many of up to @n of @payer may wait. */
static unsigned int enter(uid_t payer, unsigned int n)
{
	unsigned int ok = 0;

	while (ok < n && spool_waiting_enter(fs.waiting, make(payer, &disk)))
		ok++;
	return ok;
}

static void one_payer(void)
{
	struct spool_waiting_stat stat;

	start();
	CU_ASSERT_EQUAL(enter(1000, OF_PAYER + 1), OF_PAYER);
	CU_ASSERT_EQUAL(enter(1001, FEW), FEW);
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.n[SPOOL_CTL_WAITING_DISK], OF_PAYER + FEW);
	CU_ASSERT_EQUAL(stat.refused, 1);
	CU_ASSERT_EQUAL(stat.payers, 2);
	spool_waiting_leave(fs.waiting, &requests[0]); /* one goes, one comes */
	CU_ASSERT_EQUAL(enter(1000, 2), 1);
	end();
}

/* Whoever has few that wait finds a place when others together have taken all that they may. */
static void many_payers(void)
{
	start();
	CU_ASSERT_EQUAL(enter(1000, OF_PAYER), OF_PAYER);
	CU_ASSERT_EQUAL(enter(1001, OF_PAYER), OF_PAYER);
	CU_ASSERT_EQUAL(enter(1002, OF_PAYER), OF_MANY - 2 * OF_PAYER);
	CU_ASSERT_EQUAL(enter(1003, OF_PAYER), FEW);
	CU_ASSERT_EQUAL(enter(1004, 1), 1);
	end();
}

static void reasons(void)
{
	struct spool_request *request;
	struct spool_waiting_stat stat;

	start();
	request = make(1000, &release);
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, request));
	request->waitq = &ram; /* it is counted once */
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, request));
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.n[SPOOL_CTL_WAITING_RELEASE], 0);
	CU_ASSERT_EQUAL(stat.n[SPOOL_CTL_WAITING_RAM], 1);
	spool_waiting_leave(fs.waiting, request);
	spool_waiting_leave(fs.waiting, request);
	end();
}

/* Who has come to a queue first is its oldest, until he has gone, or waits for something else. */
static void the_oldest(void)
{
	struct spool_waiting_stat stat;

	start();
	for (uid_t uid = 1000; uid < 1003; uid++)
		CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, make(uid, &ram)));
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, &requests[0])); /* tried in vain: it stays */
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_RAM].uid, 1000);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_RAM].opcode, FUSE_READ);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_RAM].since_ms, requests[0].waiting.since_ms);
	requests[0].waitq = &disk;
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, &requests[0]));
	spool_waiting_leave(fs.waiting, &requests[1]);
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_RAM].uid, 1002);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_DISK].uid, 1000);
	spool_waiting_move(fs.waiting, &requests[2], &requests[used++]);
	requests[2].uid = 0; /* of another request */
	spool_waiting_leave(fs.waiting, &requests[2]);
	requests[0].waitq = &ram; /* it is the youngest there now */
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, &requests[0]));
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.oldest[SPOOL_CTL_WAITING_RAM].uid, 1002);
	CU_ASSERT_EQUAL(stat.n[SPOOL_CTL_WAITING_DISK], 0);
	end();
}

/* Enters requests, moves them, and has them leave, each beside one that stays meanwhile. */
static void *come_and_go(void *arg)
{
	const uid_t *payer = arg;

	for (unsigned int i = 0; i < 2000; i++) {
		struct spool_request asks = {.pid = 1, .payer = *payer, .waitq = &disk};
		struct spool_request stays = asks, moved;

		spool_waiting_enter(fs.waiting, &stays);
		spool_waiting_enter(fs.waiting, &asks);
		spool_waiting_move(fs.waiting, &asks, &moved);
		spool_waiting_leave(fs.waiting, &stays);
		spool_waiting_leave(fs.waiting, &moved);
	}
	return NULL;
}

/* For ThreadSanitizer above all. */
static void moved_beside_others(void)
{
	uid_t payers[] = {1000, 1001};
	pthread_t thread;

	start();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, come_and_go, &payers[0]), 0);
	come_and_go(&payers[1]);
	pthread_join(thread, NULL);
	end();
}

/* A list in parts shows each once, also when some go and come meanwhile. */
static void listed_in_parts(void)
{
	struct spool_waiting_entry got[2];

	start();
	CU_ASSERT_EQUAL(spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_DISK, 0, got, 2), 0);
	CU_ASSERT_EQUAL(enter(1000, 3), 3);
	CU_ASSERT_EQUAL(spool_waiting_of(fs.waiting, 1000), 3);
	CU_ASSERT_EQUAL(spool_waiting_of(fs.waiting, 1000 + 64), 0); /* of the same bucket */
	CU_ASSERT_EQUAL(spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_DISK, 0, got, 2), 2);
	CU_ASSERT_EQUAL(got[0].number, 1);
	CU_ASSERT_EQUAL(got[1].payer, 1000);
	spool_waiting_leave(fs.waiting, &requests[1]); /* where the next part would go on */
	CU_ASSERT_EQUAL(enter(1001, 1), 1);
	CU_ASSERT_EQUAL(
		spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_DISK, got[1].number, got, 2), 2);
	CU_ASSERT_EQUAL(got[0].number, 3);
	CU_ASSERT_EQUAL(got[1].payer, 1001);
	CU_ASSERT_EQUAL(
		spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_DISK, got[1].number, got, 2), 0);
	CU_ASSERT_EQUAL(spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_DISK, UINT64_MAX, got, 2),
			0);
	CU_ASSERT_EQUAL(spool_waiting_list(fs.waiting, SPOOL_CTL_WAITING_RAM, 0, got, 2), 0);
	end();
}

/* Return: whether a write of @len bytes waits without its data. */
static bool drops(uid_t uid, pid_t pid, struct spool_waitq *reason, size_t len)
{
	struct spool_request *request = make(uid, reason);

	request->pid = pid;
	request->opcode = FUSE_WRITE;
	request->len = len;
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, request));
	return request->waiting.drops_data;
}

static void data(void)
{
	struct spool_waiting_stat stat;

	start();
	for (unsigned int i = 0; i < 64; i++)
		CU_ASSERT_FALSE(drops(1000, 1, &ram, MIB));
	CU_ASSERT_TRUE(drops(1000, 1, &ram, 1));
	CU_ASSERT_TRUE(drops(1000, 1, &disk, 1));
	CU_ASSERT_FALSE(drops(1000, 1, &release, 1)); /* has its own, lower bound */
	CU_ASSERT_FALSE(drops(0, 0, &ram, 1));        /* the kernel's: a page-out */
	spool_waiting_stat(fs.waiting, &stat);
	CU_ASSERT_EQUAL(stat.data, 64 * MIB + 2);
	end();
}

/* Where the daemon may use 128 MiB: a quarter for each of an eighth, 8 KiB for a request. */
static void many_in_little_ram(void)
{
	static const struct spool_options options = {.machine_ram = 128 * MIB};

	fs.options = &options;
	start();
	CU_ASSERT_EQUAL(enter(1000, 513), 512);
	CU_ASSERT_EQUAL(enter(1001, 513), 512);
	CU_ASSERT_EQUAL(enter(1002, 513), 512);
	CU_ASSERT_EQUAL(enter(1003, 513), FEW);
	end();
	fs.options = NULL;
}

/* Where the daemon may use 64 MiB: 2 MiB of a payer, 8 MiB of all. */
static void data_in_little_ram(void)
{
	static const struct spool_options options = {.machine_ram = 64 * MIB};

	fs.options = &options;
	start();
	for (uid_t uid = 1000; uid < 1004; uid++) {
		CU_ASSERT_FALSE(drops(uid, 1, &ram, MIB));
		CU_ASSERT_FALSE(drops(uid, 1, &ram, MIB));
		CU_ASSERT_TRUE(drops(uid, 1, &ram, 1));
	}
	CU_ASSERT_FALSE(drops(1004, 1, &ram, MIB)); /* one of each, in any case */
	CU_ASSERT_TRUE(drops(1004, 1, &ram, 1));
	end();
	fs.options = NULL;
}

/* What has been done is never given up, nor are its data wanted again. */
static void what_is_done(void)
{
	struct spool_request *request;

	start();
	CU_ASSERT_EQUAL(enter(1000, OF_PAYER), OF_PAYER);
	request = make(1000, &notify);
	request->opcode = FUSE_WRITE;
	request->len = 64 * MIB + 1;
	request->first.done = true;
	CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, request));
	CU_ASSERT_FALSE(request->waiting.drops_data);
	request = make(1000, &notify); /* which has only asked so far */
	CU_ASSERT_FALSE(spool_waiting_enter(fs.waiting, request));
	end();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"one payer", one_payer},
		{"many payers", many_payers},
		{"reasons", reasons},
		{"data", data},
		{"many, in little RAM", many_in_little_ram},
		{"data, in little RAM", data_in_little_ram},
		{"what is done", what_is_done},
		{"the oldest", the_oldest},
		{"moved beside others", moved_beside_others},
		{"listed in parts", listed_in_parts},
	};

	return unit_run("waiting", tests, sizeof(tests) / sizeof(tests[0]));
}
