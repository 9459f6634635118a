/* SPDX-License-Identifier: MIT */
#include "process/watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "host/clock.h"
#include "host/connection.h"
#include "host/procfs.h"
#include "util/macros.h"
#include "util/proc.h"
#include "process/watch.h"

struct spool_watchdog {
	struct spool_pulses *pulses;
	int wake; /* eventfd: the one that the pulses name to the worker */
	int proc; /* a procfs with our numbers; < 0: there is none, and no debugger is seen */
	bool stopped;
	bool looking;
	uint64_t next_ms; /* CLOCK_MONOTONIC: when to look */
	struct spool_watch watch;
};

int spool_watchdog_new(int hurry, struct spool_watchdog **ret)
{
	struct spool_watchdog *dog = calloc(1, sizeof(*dog));
	enum spool_procfs kind;
	int r;

	if (!dog)
		return -ENOMEM;
	dog->watch.limit_ms = (uint64_t)(SPOOL_WATCH_LIMIT_MS / hurry);
	dog->proc = spool_procfs_open(&kind);
	dog->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = dog->wake < 0 ? -errno : spool_pulses_new(dog->wake, &dog->pulses);
	if (r < 0)
		spool_watchdog_free(dog);
	else
		*ret = dog;
	return r;
}

void spool_watchdog_free(struct spool_watchdog *dog)
{
	if (!dog)
		return;
	spool_pulses_free(dog->pulses);
	spool_close(dog->wake);
	spool_close(dog->proc);
	free(dog);
}

struct spool_pulses *spool_watchdog_pulses(struct spool_watchdog *dog)
{
	return dog->pulses;
}

int spool_watchdog_fd(const struct spool_watchdog *dog)
{
	return dog->wake;
}

int spool_watchdog_timeout(const struct spool_watchdog *dog)
{
	uint64_t now = spool_clock_ms();

	if (!dog->looking)
		return -1;
	return now >= dog->next_ms ? 0 : (int)(dog->next_ms - now);
}

void spool_watchdog_stopped(struct spool_watchdog *dog, bool stopped)
{
	dog->stopped = stopped;
	if (stopped && !atomic_exchange(&dog->pulses->is_looked, true))
		eventfd_write(dog->wake, 1);
}

static bool is_traced(const struct spool_watchdog *dog, pid_t pid)
{
	struct spool_proc_status status;
	char path[64];

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	return dog->proc >= 0 && spool_proc_status_at(dog->proc, path, &status) == 0 &&
	       status.traced;
}

bool spool_watchdog_look(struct spool_watchdog *dog, pid_t worker, const struct spool_mount *mount)
{
	struct spool_watch_look look = {.now_ms = spool_clock_ms(), .stopped = dog->stopped};
	enum spool_verdict verdict;
	eventfd_t count;

	if (eventfd_read(dog->wake, &count) == 0)
		dog->looking = true;
	else if (!dog->looking || look.now_ms < dog->next_ms)
		return false;
	look.traced = is_traced(dog, worker);
	look.waited_for = spool_connection_waits(mount->fd, mount->device);
	verdict = spool_watch_look(&dog->watch, dog->pulses, &look);
	if (verdict == SPOOL_WATCH_QUIET) {
		/* from now on threads wake us; a last look sees a thread that began before
		 */
		atomic_store(&dog->pulses->is_looked, false);
		verdict = spool_watch_look(&dog->watch, dog->pulses, &look);
		if (verdict != SPOOL_WATCH_QUIET)
			atomic_store(&dog->pulses->is_looked, true);
	}
	dog->looking = verdict != SPOOL_WATCH_QUIET;
	dog->next_ms = look.now_ms + dog->watch.limit_ms / SPOOL_WATCH_LOOKS;
	return verdict == SPOOL_WATCH_HANGS;
}
