/* SPDX-License-Identifier: MIT */
#include "background/pressure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/engine.h"
#include "host/clock.h"
#include "background/pressure_rule.h"
#include "host/thread.h"
#include "util/macros.h"

#define PSI_FILE "/proc/pressure/memory"
#define MEMINFO_FILE "/proc/meminfo"

/* The stall is systemd's (MemoryPressureThresholdSec=200ms, sd_event_add_memory_pressure(3)). Users
 * other than root must take a window of a multiple of 2 s (Documentation/accounting/psi.rst). */
#define STALL_US 200000
#define WINDOW_US 2000000

/* MemTotal and MemAvailable are the first and third line of about fifty. */
#define MEMINFO_MAX 1024

enum { SOME, FULL, CHANGED, N_FDS };

struct spool_pressure {
	struct spool_engine *engine;
	struct spool_log *log;
	pthread_t thread;
	int psi[2];  /* triggers for SOME and FULL */
	int meminfo; /* -1: there is none */
	int changed; /* eventfd: @stop or @on was changed */
	bool has_thread;
	atomic_bool stop, on;
};

static int open_psi(const char *kind)
{
	spool_cleanup(fd) int fd = open(PSI_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char trigger[64];
	int len;

	if (fd < 0)
		return -errno;
	len = snprintf(trigger, sizeof(trigger), "%s %d %d", kind, STALL_US, WINDOW_US);
	if (write(fd, trigger, (size_t)len + 1) < 0)
		return -errno;
	return spool_steal_fd(&fd);
}

/* The kernel makes the text anew for each read at offset 0. */
static void read_meminfo(const struct spool_pressure *pressure, struct spool_pressure_reading *ret)
{
	char text[MEMINFO_MAX];
	ssize_t n = pread(pressure->meminfo, text, sizeof(text) - 1, 0);

	if (n < 0)
		return;
	text[n] = '\0';
	spool_pressure_parse(text, ret);
}

static void squeeze(struct spool_pressure *pressure, bool first)
{
	uint64_t budget = spool_engine_squeeze(pressure->engine);

	if (first)
		spool_log(pressure->log, SPOOL_LOG_INFO,
			  "memory is short: at most %llu bytes of RAM for files until it is not",
			  (unsigned long long)budget);
}

static void act(struct spool_pressure *pressure, struct spool_pressure_rule *rule,
		const struct spool_pressure_reading *reading)
{
	bool before = rule->squeezed;

	switch (spool_pressure_decide(rule, reading, spool_clock_ms())) {
	case SPOOL_PRESSURE_SQUEEZE:
		squeeze(pressure, !before);
		break;
	case SPOOL_PRESSURE_RELAX:
		rule->squeezed = spool_engine_relax(pressure->engine);
		break;
	case SPOOL_PRESSURE_NOTHING:
		if (reading->some || reading->full)
			spool_log(pressure->log, SPOOL_LOG_DEBUG,
				  "tasks wait for memory, but the machine has %llu of %llu bytes",
				  (unsigned long long)reading->available,
				  (unsigned long long)reading->total);
		break;
	}
}

static void *pressure_main(void *arg)
{
	struct spool_pressure *pressure = arg;
	struct pollfd fds[N_FDS] = {{.fd = pressure->psi[SOME], .events = POLLPRI},
				    {.fd = pressure->psi[FULL], .events = POLLPRI},
				    {.fd = pressure->changed, .events = POLLIN}};
	struct spool_pressure_rule rule = {0};
	eventfd_t count;

	while (!atomic_load(&pressure->stop)) {
		struct spool_pressure_reading reading = {0};
		int n = poll(fds, N_FDS, spool_pressure_wait_ms(&rule, spool_clock_ms()));

		if (n > 0 && fds[CHANGED].revents)
			eventfd_read(pressure->changed, &count);
		for (int i = SOME; n > 0 && i <= FULL; i++) {
			if (fds[i].revents & POLLERR)
				fds[i].fd = -1; /* the kernel has removed the trigger */
		}
		reading.some = n > 0 && fds[SOME].revents & POLLPRI;
		reading.full = n > 0 && fds[FULL].revents & POLLPRI;
		read_meminfo(pressure, &reading);
		if (n >= 0 && atomic_load(&pressure->on))
			act(pressure, &rule, &reading);
		while (rule.squeezed && !atomic_load(&pressure->on))
			rule.squeezed = spool_engine_relax(pressure->engine);
	}
	return NULL;
}

void spool_pressure_free(struct spool_pressure *pressure)
{
	if (!pressure)
		return;
	spool_close(pressure->psi[SOME]);
	spool_close(pressure->psi[FULL]);
	spool_close(pressure->meminfo);
	spool_close(pressure->changed);
	free(pressure);
}

int spool_pressure_new(struct spool_engine *engine, struct spool_log *log,
		       enum spool_pressure_option option, struct spool_pressure **ret)
{
	struct spool_pressure *pressure;
	int psi = open_psi("some"), r = 0;

	assert(engine);
	*ret = NULL;
	if (psi < 0)
		return option == SPOOL_PRESSURE_ON ? psi : 0;
	pressure = calloc(1, sizeof(*pressure));
	if (!pressure) {
		close(psi);
		return -ENOMEM;
	}
	pressure->engine = engine;
	pressure->log = log;
	pressure->psi[SOME] = psi;
	pressure->psi[FULL] = open_psi("full"); /* -errno: it goes without */
	pressure->meminfo = open(MEMINFO_FILE, O_RDONLY | O_CLOEXEC);
	pressure->on = option != SPOOL_PRESSURE_OFF;
	pressure->changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pressure->changed < 0)
		r = -errno;
	if (r < 0) {
		spool_pressure_free(pressure);
		return r;
	}
	*ret = pressure;
	return 0;
}

int spool_pressure_start(struct spool_pressure *pressure)
{
	int r;

	if (!pressure)
		return 0;
	assert(!pressure->has_thread && !pressure->stop);
	r = spool_thread_start(&pressure->thread, "spoolfs-psi", pressure_main, pressure);
	pressure->has_thread = r == 0;
	return r;
}

void spool_pressure_stop(struct spool_pressure *pressure)
{
	if (!pressure)
		return;
	atomic_store(&pressure->stop, true);
	eventfd_write(pressure->changed, 1);
	if (pressure->has_thread)
		pthread_join(pressure->thread, NULL);
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
