/* SPDX-License-Identifier: MIT */

/* Many threads make entries while sessions of real processes begin and end. */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "background/sessions.h"
#include "unit.h"

enum { MAKERS = 4, PROCESSES = 24, ROUNDS = 10, ALICE = 1000 };

/* The processes of this moment. One is told to end before it is killed. */
struct crowd {
	struct spool_life *life;
	struct spool_sessions *sessions;
	_Atomic pid_t pids[PROCESSES];
	atomic_bool stop;
	atomic_ulong made, ended, gone_too_early;
	atomic_uint living[1 << 22]; /* by pid; PID_MAX_LIMIT, linux/threads.h */
};

static void on_ended(void *ctx, uint64_t id)
{
	struct crowd *crowd = ctx;
	struct spool_session_info info;

	if (spool_sessions_info(crowd->sessions, id, &info) < 0)
		return;
	if (atomic_load(&crowd->living[info.value]))
		atomic_fetch_add(&crowd->gone_too_early, 1);
	atomic_fetch_add(&crowd->ended, 1);
	spool_sessions_put(crowd->sessions, id, info.entries);
}

static pid_t start(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setsid() < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void *make_entries(void *arg)
{
	struct crowd *crowd = arg;

	for (unsigned int i = 0; !atomic_load(&crowd->stop); i++) {
		const struct spool_creator creator = {
			.tid = atomic_load(&crowd->pids[i % PROCESSES]), .owner = ALICE};
		uint64_t id = spool_sessions_of(crowd->sessions, &creator);
		struct spool_session_info info;

		spool_sessions_done(crowd->sessions, id, i % 2);
		spool_sessions_next(crowd->sessions, id, &info);
		atomic_fetch_add(&crowd->made, id != SPOOL_SESSION_NONE);
	}
	return NULL;
}

/* Half of them go and others come. */
static void next_round(struct crowd *crowd, unsigned int round)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (unsigned int i = round % 2; i < PROCESSES; i += 2) {
		pid_t pid = atomic_exchange(&crowd->pids[i], 0);

		atomic_store(&crowd->living[pid], 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = start();
		atomic_store(&crowd->living[pid], 1);
		atomic_store(&crowd->pids[i], pid);
	}
	nanosleep(&pause, NULL); /* so that looks and entries mix in many ways */
}

static bool is_empty(struct crowd *crowd)
{
	struct spool_session_info info;

	return spool_sessions_next(crowd->sessions, 0, &info) < 0;
}

static void test_makers_and_ends(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	const struct spool_life_config config = {.mode = SPOOL_SESSION_BY_SID,
						 .max_watches = PROCESSES,
						 .ended = on_ended,
						 .ctx = crowd};
	pthread_t makers[MAKERS];

	CU_ASSERT_PTR_NOT_NULL_FATAL(crowd);
	CU_ASSERT_EQUAL_FATAL(spool_life_new(&config, &crowd->life), 0);
	crowd->sessions = spool_life_sessions(crowd->life);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		crowd->pids[i] = start();
		crowd->living[crowd->pids[i]] = 1;
	}
	CU_ASSERT_EQUAL(spool_life_start(crowd->life), 0);
	for (unsigned int i = 0; i < MAKERS; i++)
		CU_ASSERT_EQUAL(pthread_create(&makers[i], NULL, make_entries, crowd), 0);
	for (unsigned int round = 0; round < ROUNDS; round++)
		next_round(crowd, round);
	atomic_store(&crowd->stop, true);
	for (unsigned int i = 0; i < MAKERS; i++)
		pthread_join(makers[i], NULL);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		atomic_store(&crowd->living[crowd->pids[i]], 0);
		kill(crowd->pids[i], SIGKILL);
		waitpid(crowd->pids[i], NULL, 0);
	}
	for (int i = 0; i < 600000 && !is_empty(crowd); i++)
		nanosleep(&pause, NULL);
	CU_ASSERT_TRUE(is_empty(crowd));
	CU_ASSERT_EQUAL(crowd->gone_too_early, 0);
	CU_ASSERT_TRUE(crowd->made > 0 && crowd->ended > 0);
	spool_life_stop(crowd->life);
	spool_life_free(crowd->life);
	free(crowd);
}

static const struct unit_test tests[] = {
	{"makers_and_ends", test_makers_and_ends},
};

int main(void)
{
	return unit_run("life_threads", tests, sizeof(tests) / sizeof(tests[0]));
}
