/* SPDX-License-Identifier: MIT */
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fs.h"
#include "thread.h"
#include "util/macros.h"

#define PSI_FILE "/proc/pressure/memory"

/* What systemd calls pressure (MemoryPressureThresholdSec=200ms, sd_event_add_memory_pressure(3));
 * others than root must take a window of whole 2 s (Documentation/accounting/psi.rst). */
#define STALL_US 200000
#define WINDOW_US 2000000

/* Without another event for so long the machine is calm. A guess. */
#define CALM_MS 10000

struct spool_pressure {
	struct spool_fs *fs;
	pthread_t thread;
	int psi;
	int changed; /* eventfd: stop, or on */
	atomic_bool stop, on;
};

static int open_psi(void)
{
	spool_cleanup(fd) int fd = open(PSI_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char trigger[64];
	int len;

	if (fd < 0)
		return -errno;
	len = snprintf(trigger, sizeof(trigger), "some %d %d", STALL_US, WINDOW_US);
	if (write(fd, trigger, (size_t)len + 1) < 0)
		return -errno;
	return spool_steal_fd(&fd);
}

static void squeeze(struct spool_pressure *pressure, bool *squeezed)
{
	uint64_t budget = spool_engine_squeeze(pressure->fs->engine);

	if (!*squeezed)
		spool_log(pressure->fs->log, SPOOL_LOG_INFO,
			  "memory is short: at most %llu bytes of RAM for files until it is not",
			  (unsigned long long)budget);
	*squeezed = true;
}

static void *pressure_main(void *arg)
{
	struct spool_pressure *pressure = arg;
	struct pollfd fds[] = {{.fd = pressure->psi, .events = POLLPRI},
			       {.fd = pressure->changed, .events = POLLIN}};
	bool squeezed = false;
	eventfd_t count;

	while (!atomic_load(&pressure->stop)) {
		int n = poll(fds, SPOOL_ARRAY_SIZE(fds), squeezed ? CALM_MS : -1);

		if (n > 0 && fds[1].revents)
			eventfd_read(pressure->changed, &count);
		if (n > 0 && fds[0].revents & POLLERR)
			fds[0].fd = -1; /* the kernel has taken it away */
		else if (n > 0 && fds[0].revents && atomic_load(&pressure->on))
			squeeze(pressure, &squeezed);
		if (n == 0)
			squeezed = spool_engine_relax(pressure->fs->engine);
		while (squeezed && !atomic_load(&pressure->on))
			squeezed = spool_engine_relax(pressure->fs->engine);
	}
	return NULL;
}

static void free_pressure(struct spool_pressure *pressure)
{
	spool_close(pressure->psi);
	spool_close(pressure->changed);
	free(pressure);
}

int spool_pressure_new(struct spool_fs *fs, bool asked_for, struct spool_pressure **ret)
{
	struct spool_pressure *pressure;
	int psi = open_psi(), r = 0;

	*ret = NULL;
	if (psi < 0)
		return asked_for ? psi : 0;
	pressure = calloc(1, sizeof(*pressure));
	if (!pressure) {
		close(psi);
		return -ENOMEM;
	}
	pressure->fs = fs;
	pressure->psi = psi;
	pressure->on = fs->options->pressure != SPOOL_PRESSURE_OFF;
	pressure->changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pressure->changed < 0)
		r = -errno;
	if (r == 0)
		r = spool_thread_start(&pressure->thread, "spoolfs-psi", pressure_main, pressure);
	if (r < 0) {
		free_pressure(pressure);
		return r;
	}
	*ret = pressure;
	return 0;
}

void spool_pressure_stop(struct spool_pressure *pressure)
{
	if (!pressure)
		return;
	atomic_store(&pressure->stop, true);
	eventfd_write(pressure->changed, 1);
	pthread_join(pressure->thread, NULL);
	free_pressure(pressure);
}

bool spool_pressure_is_on(const struct spool_pressure *pressure)
{
	return pressure && atomic_load(&pressure->on);
}

int spool_pressure_set(struct spool_pressure *pressure, bool on)
{
	if (!pressure)
		return on ? -EOPNOTSUPP : 0;
	atomic_store(&pressure->on, on);
	eventfd_write(pressure->changed, 1);
	return 0;
}
