/* SPDX-License-Identifier: MIT */

/* A worker that was taken over writes what it likes to all that it shares with the supervisor. */

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "host/process.h"
#include "host/shared.h"
#include "process/watchdog.h"

static struct spool_shared *shared;
static struct spool_watchdog *dog;
static int victim; /* a descriptor of the supervisor that the worker would like to harm */

/* Writes @victim over every number, then everything over everything. */
static int be_hostile(void *arg)
{
	struct spool_pulses *pulses = spool_watchdog_pulses(dog);
	int fd = *(const int *)arg;

	shared->wake = shared->alive = shared->dies = shared->arena.fd = fd;
	memset(shared->said, 0xff, sizeof(*shared->said));
	memset(pulses, 0xff, sizeof(*pulses));
	pulses->wake = fd;
	return 0;
}

static int set_up(void)
{
	victim = memfd_create("victim", MFD_CLOEXEC);
	if (victim < 0 || ftruncate(victim, 100) < 0)
		return -1;
	return spool_shared_new(false, &shared) < 0 || spool_watchdog_new(1, &dog) < 0 ? -1 : 0;
}

static void run_hostile(void)
{
	pid_t pid = spool_process_start(be_hostile, &victim);
	int status = -1;

	CU_ASSERT_FATAL(pid > 0);
	CU_ASSERT_TRUE(spool_process_wait(pid, INT_MAX, &status));
	CU_ASSERT_EQUAL(status, 0);
}

/* Return: whether the victim is open, and as it was. */
static bool is_unharmed(void)
{
	return fcntl(victim, F_GETFD) == FD_CLOEXEC && lseek(victim, 0, SEEK_END) == 100 &&
	       lseek(victim, 0, SEEK_SET) == 0;
}

static void test_descriptors(void)
{
	struct spool_shared before;

	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	before = *shared;
	run_hostile();
	CU_ASSERT_EQUAL(shared->wake, before.wake);
	CU_ASSERT_EQUAL(shared->alive, before.alive);
	CU_ASSERT_EQUAL(shared->dies, before.dies);
	CU_ASSERT_EQUAL(shared->arena.fd, before.arena.fd);
	CU_ASSERT_EQUAL(atomic_load(&shared->said->detach), UINT32_MAX); /* the worker's to say */
	spool_shared_free(shared);
	CU_ASSERT_TRUE(is_unharmed());
	spool_watchdog_free(dog);
	close(victim);
}

/* A worker that is stopped wakes the watchdog, which looks at as many counts as there can be. */
static void test_watchdog(void)
{
	const struct spool_mount mount = {.fd = -1};
	int fd;

	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	fd = spool_watchdog_fd(dog);
	run_hostile();
	CU_ASSERT_EQUAL(spool_watchdog_fd(dog), fd);
	atomic_store(&spool_watchdog_pulses(dog)->is_looked, false);
	spool_watchdog_stopped(dog, true);
	CU_ASSERT_TRUE(is_unharmed()); /* nothing was written to it */
	CU_ASSERT_FALSE(spool_watchdog_look(dog, getpid(), &mount));
	CU_ASSERT_TRUE(spool_watchdog_timeout(dog) >= 0); /* it was woken */
	spool_watchdog_free(dog);
	CU_ASSERT_TRUE(is_unharmed());
	spool_shared_free(shared);
	close(victim);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"descriptors are everyone's own", test_descriptors},
		{"the watchdog harms nothing else", test_watchdog},
	};

	return unit_run("shared", tests, sizeof(tests) / sizeof(tests[0]));
}
