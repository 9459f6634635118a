/* SPDX-License-Identifier: MIT */
#include "process/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/thread.h"
#include "options/options.h"
#include "spill/backing.h"

/* FILES_OWN is kept for other descriptors: the worker has fewer than 24, and two for each CPU. A
 * backing directory has up to 65,535 segment files; to have more than FILES_MAX of them open gains
 * nothing. Of threads that make files at the same time more than CALLERS_MAX cost one open each. Of
 * what is left after FILES_OWN the backing has a half at most, and the callers a quarter. Guesses.
 */
#define FILES_OWN 128u
#define FILES_MIN 8u
#define FILES_MAX 4096u
#define CALLERS_MIN 16u
#define CALLERS_MAX 256u

/* Address space besides file data: programs, stacks, buffers of requests. With two rings it was
 * measured as 0.7 GiB; the rest is a guess. */
#define ADDRESSES_OWN ((uint64_t)1 << 30)

/* With 2 to 8 busy loops on 2 CPUs a create takes 0.4 to 2.1 ms at 0, and 0.1 ms at -10. */
#define NICE_DEFAULT (-10)

/* The limits that a user sets for programs are not meant for us: file data are not our own. */
static void raise_limit(__rlimit_resource_t resource)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit limit;

	if (setrlimit(resource, &none) == 0 || getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

void spool_harden(void)
{
	const struct rlimit no_core = {0, 0};

	/* Data of files must not get into a core dump; the arena itself is also left out of them.
	 * Sanitizers look at their own process through ptrace, which this would forbid. */
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	setrlimit(RLIMIT_CORE, &no_core);
	spool_thread_allow_interrupts();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* writes to the backing directory then fail with EFBIG */
	signal(SIGINT, SIG_IGN);  /* the supervisor handles the terminal's ^C */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	unsetenv("TMPDIR");
	raise_limit(RLIMIT_FSIZE);
	raise_limit(RLIMIT_AS);
	raise_limit(RLIMIT_DATA);
	raise_limit(RLIMIT_MEMLOCK);
	raise_limit(RLIMIT_CPU); /* of the programs that we serve */
	/* Reclaiming memory for us, the kernel must not wait for our own answers. Only root may. */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

/* Everybody waits for this process, so on a busy machine it must not queue up behind them. A value
 * other than 0 was chosen by the user who starts us, and stays. */
static void set_default_nice(void)
{
	int wanted = NICE_DEFAULT;
	struct rlimit limit;

	if (getpriority(PRIO_PROCESS, 0) != 0)
		return;
	if (geteuid() != 0 && getrlimit(RLIMIT_NICE, &limit) == 0 &&
	    limit.rlim_cur < (rlim_t)(20 - NICE_DEFAULT)) /* getrlimit(2): 20 - value */
		wanted = limit.rlim_cur > 20 ? 20 - (int)limit.rlim_cur : 0;
	setpriority(PRIO_PROCESS, 0, wanted); /* root of a container may fail to */
}

/* Where sessions compete for the CPUs (autogroup, sched(7)), the value of a process counts
 * among those of its session only. So one that the supervisor leads, as we alone are in it,
 * gets the value as well, if we may. With 2 CPUs and a load of 35 a create took 56 to 98 us
 * without that, and 49 to 70 with it. */
static void set_session_nice(void)
{
	char text[16];
	int n, fd;

	if (getsid(0) != getppid())
		return;
	n = snprintf(text, sizeof(text), "%d", getpriority(PRIO_PROCESS, 0));
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, text, (size_t)n);
	close(fd);
}

/* So that a thread can leave SCHED_IDLE again when the process has no rights any more
 * (host/thread.h). It gets nothing that it does not have. */
static void keep_nice(void)
{
	rlim_t value = (rlim_t)(20 - getpriority(PRIO_PROCESS, 0)); /* getrlimit(2) */
	struct rlimit limit;

	if (getrlimit(RLIMIT_NICE, &limit) < 0 || limit.rlim_cur >= value)
		return;
	limit.rlim_cur = value;
	if (limit.rlim_max < value)
		limit.rlim_max = value;
	setrlimit(RLIMIT_NICE, &limit); /* who may not goes on without */
}

int spool_set_nice(int wanted, char why[SPOOL_LOG_LINE_MAX])
{
	if (wanted == SPOOL_NICE_DEFAULT) {
		set_default_nice();
		set_session_nice();
		keep_nice();
		return 0;
	}
	if (setpriority(PRIO_PROCESS, 0, wanted) == 0) {
		set_session_nice();
		keep_nice();
		return 0;
	}
	snprintf(why, SPOOL_LOG_LINE_MAX,
		 "nice=%d: %s (allowed: what RLIMIT_NICE lets, or 0 and more)", wanted,
		 strerror(errno));
	return -EPERM;
}

/* Return: how many descriptors there are beside our own. */
static uint64_t raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max; /* no program is run from here that would inherit it */
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > FILES_OWN ? limit.rlim_cur - FILES_OWN : 0;
}

static unsigned int within(uint64_t n, unsigned int min, unsigned int max)
{
	return n < min ? min : n > max ? max : (unsigned int)n;
}

void spool_share_descriptors(bool has_backing, struct spool_descriptors *ret)
{
	uint64_t all = raise_descriptors(), used;

	ret->backing = within(all / 2, FILES_MIN, FILES_MAX);
	ret->callers = within(all / 4, CALLERS_MIN, CALLERS_MAX);
	used = ret->callers + (has_backing ? ret->backing : 0);
	ret->watches = all > used ? within(all - used, 0, UINT_MAX) : 0;
}

uint64_t spool_cpu_seconds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CPU, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur;
}

int spool_check_address_space(uint64_t ram, char why[SPOOL_LOG_LINE_MAX])
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	    (limit.rlim_cur > ADDRESSES_OWN && (limit.rlim_cur - ADDRESSES_OWN) / 2 >= ram))
		return 0;
	snprintf(why, SPOOL_LOG_LINE_MAX,
		 "ram=%llu: RLIMIT_AS is %llu bytes (allowed: at least 1 GiB and twice ram=)",
		 (unsigned long long)ram, (unsigned long long)limit.rlim_cur);
	return -ENOMEM;
}

/* As much room beside the data in memory as with addresses; at least what a segment takes. */
int spool_check_file_size(uint64_t ram, char why[SPOOL_LOG_LINE_MAX])
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	    (limit.rlim_cur >= SPOOL_BACKING_FILE_MIN && limit.rlim_cur / 2 >= ram))
		return 0;
	snprintf(why, SPOOL_LOG_LINE_MAX,
		 "ram=%llu: RLIMIT_FSIZE is %llu bytes (allowed: at least 256 MiB and twice ram=)",
		 (unsigned long long)ram, (unsigned long long)limit.rlim_cur);
	return -EFBIG;
}
