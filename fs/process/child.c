/* SPDX-License-Identifier: MIT */
#include "process/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "host/process.h"
#include "host/shared.h"
#include "options/options.h"
#include "process/remains.h"
#include "util/macros.h"

/* How long a worker that was told to stop may take to free everything. Freeing 24 GiB takes about a
 * second; a worker that takes longer than this hangs. A guess on the safe side. Builds that check
 * free everything one by one: with ASan, 10 s were too few for 3,000 files and 300 MiB on a busy
 * machine. */
#ifdef NDEBUG
#define STOP_TIMEOUT_MS 10000
#else
#define STOP_TIMEOUT_MS 40000
#endif

/* How long a killed worker may take to die by itself, and once its memory was taken: which is done
 * before we go on, and is most of what the kernel has to do for it. Guesses. */
#define KILLED_MS 500
#define HELD_MS 500

/* Tests shorten the limit, but not below this, which a busy machine needs. A guess. */
#define LEAST_TIMEOUT_MS 2500

/* Return: a limit of so many ms, as a test may want it. */
static int limit_of(const struct spool_options *options, int ms)
{
	int n = ms / options->hurry * options->patience;

	return n > LEAST_TIMEOUT_MS ? n : LEAST_TIMEOUT_MS;
}

bool spool_child_wait(struct spool_child *child, int ms)
{
	if (!child->reaped)
		child->reaped = spool_process_wait(child->pid, ms, &child->status);
	return child->reaped;
}

bool spool_child_ended_well(const struct spool_child *child)
{
	if (!child->reaped)
		return spool_child_is_dying(child, 0) &&
		       atomic_load(&child->shared->said->in_order);
	return WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

bool spool_child_is_dying(const struct spool_child *child, int ms)
{
	struct pollfd fd = {.fd = child->shared->dies};

	while (poll(&fd, 1, ms) < 0 && errno == EINTR)
		;
	return fd.revents != 0;
}

void spool_child_end(struct spool_child *child, const struct spool_options *options,
		     struct spool_log *log)
{
	spool_cleanup(fd) int fd = -1;
	int r;

	if (!spool_child_is_dying(child, limit_of(options, STOP_TIMEOUT_MS))) {
		spool_log(log, SPOOL_LOG_ERROR, "the worker does not stop, killing it");
		kill(child->pid, SIGKILL);
	}
	if (spool_child_wait(child, KILLED_MS))
		return;
	fd = pidfd_open(child->pid, 0);
	r = spool_remains_free(fd, child->shared->arena.fd);
	if (!spool_child_wait(child, HELD_MS) && !spool_child_ended_well(child))
		spool_log(log, SPOOL_LOG_ERROR,
			  "the worker (pid %d) does not die, it is held up in the kernel; "
			  "its memory: %s",
			  (int)child->pid, r < 0 ? strerror(-r) : "free");
}
