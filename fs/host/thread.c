/* SPDX-License-Identifier: MIT */
#include "host/thread.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_SIZE (256u << 10) /* bytes; the deepest handler needs about 20 KiB (ioctl) */
/* Behind the threads that serve, and behind what users do: a process that is woken then runs at
 * once. At 10 it has still a tenth of a CPU that somebody else always wants. Guesses. */
#define STEP_BACK 10
#define NICE_BACK 10

/* A thread that is interrupted ends at once, mostly. Guesses. */
#define JOIN_MS 1
#define SIGNAL_AGAIN 10u /* times JOIN_MS */

/* As many as a kernel of today can be built for (NR_CPUS): it wants room for all that it has. */
#define CPUS_MAX 8192u

struct start {
	void *(*run)(void *arg);
	void *arg;
	char name[16];
};

/* A thread is born with the CPUs and the policy of the one that starts it, which may be pinned or
 * run behind others; the first thread of the process never is. */
static void run_as_the_first(void)
{
	unsigned long set[CPUS_MAX / (8 * sizeof(unsigned long))];
	int policy = sched_getscheduler(getpid());

	if (sched_getaffinity(getpid(), sizeof(set), (cpu_set_t *)set) == 0)
		sched_setaffinity(0, sizeof(set), (const cpu_set_t *)set);
	if (policy == SCHED_OTHER && sched_getscheduler(0) != policy)
		spool_thread_set_policy(0, policy);
}

/* The thread sets its own name, for ps(1): another one would have to open a file for that. */
static void *begin(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	prctl(PR_SET_NAME, start.name);
	run_as_the_first();
	return start.run(start.arg);
}

int spool_thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	pthread_attr_t attr;
	int r;

	assert(run && strlen(name) < sizeof(start->name));
	if (!start)
		return -ENOMEM;
	*start = (struct start){.run = run, .arg = arg};
	strncpy(start->name, name, sizeof(start->name) - 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = -pthread_create(ret, &attr, begin, start);
	if (r < 0)
		free(start);
	pthread_attr_destroy(&attr);
	return r;
}

bool spool_thread_pin(unsigned int cpu)
{
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	bool ok;

	if (!set)
		return false;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	ok = pthread_setaffinity_np(pthread_self(), size, set) == 0;
	CPU_FREE(set);
	return ok;
}

void spool_thread_step_back(void)
{
	int wanted = getpriority(PRIO_PROCESS, 0) + STEP_BACK;

	/* of this thread alone, setpriority(2), "C library/kernel differences" */
	setpriority(PRIO_PROCESS, 0, wanted > NICE_BACK ? wanted : NICE_BACK);
}

int spool_thread_policy_behind(void)
{
	int nice = getpriority(PRIO_PROCESS, 0);
	struct rlimit limit;

	if (sched_getscheduler(0) != SCHED_OTHER)
		return -ENOTSUP;
	return getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= (rlim_t)(20 - nice)
		       ? SCHED_IDLE
		       : SCHED_BATCH;
}

int spool_thread_set_policy(pid_t tid, int policy)
{
	const struct sched_param param = {0};

	return sched_setscheduler(tid, policy, &param) < 0 ? -errno : 0;
}

static void wake(int signal)
{
	(void)signal; /* it is there to interrupt a read() */
}

void spool_thread_allow_interrupts(void)
{
	struct sigaction action = {.sa_handler = wake};

	sigaction(SIGUSR1, &action, NULL);
}

void spool_thread_interrupt(pthread_t thread)
{
	unsigned int n = 0;

	/* not pthread_timedjoin_np(3): its clock may be set, and it would wait for hours then */
	do {
		if (n++ % SIGNAL_AGAIN == 0)
			pthread_kill(thread, SIGUSR1);
		poll(NULL, 0, JOIN_MS);
	} while (pthread_tryjoin_np(thread, NULL) == EBUSY);
}
