/* SPDX-License-Identifier: MIT */
#include "host/pulse.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int spool_pulses_new(int wake, struct spool_pulses **ret)
{
	struct spool_pulses *pulses = mmap(NULL, sizeof(*pulses), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pulses == MAP_FAILED)
		return -errno;
	pulses->wake = wake;
	*ret = pulses;
	return 0;
}

void spool_pulses_free(struct spool_pulses *pulses)
{
	if (pulses)
		munmap(pulses, sizeof(*pulses));
}

struct spool_pulse *spool_pulse_join(struct spool_pulses *pulses)
{
	unsigned int i;

	if (!pulses)
		return NULL;
	i = atomic_fetch_add(&pulses->n, 1);
	if (i >= SPOOL_PULSES) {
		atomic_store(&pulses->n, SPOOL_PULSES);
		return NULL;
	}
	pulses->pulses[i].all = pulses;
	atomic_store(&pulses->pulses[i].tid, gettid());
	return &pulses->pulses[i];
}

struct spool_pulse *spool_pulse_pause(struct spool_pulses *pulses)
{
	unsigned int n = pulses ? atomic_load(&pulses->n) : 0;
	pid_t self = gettid();

	for (unsigned int i = 0; i < n && i < SPOOL_PULSES; i++) {
		struct spool_pulse *pulse = &pulses->pulses[i];

		if (atomic_load(&pulse->tid) != self)
			continue;
		if (atomic_load(&pulse->count) % 2 == 0)
			return NULL;
		spool_pulse_rest(pulse);
		return pulse;
	}
	return NULL;
}

void spool_pulse_wake(struct spool_pulses *pulses)
{
	if (!atomic_exchange(&pulses->is_looked, true))
		eventfd_write(pulses->wake, 1);
}
