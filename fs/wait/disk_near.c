/* SPDX-License-Identifier: MIT */
#include "wait/disk_near.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "host/loop.h"
#include "host/thread.h"
#include "transport/request.h"

/* The thread of one CPU. */
struct near_cpu {
	struct spool_disk_near *near;
	unsigned int cpu;
	struct spool_loop loop;        /* its lock covers the following */
	struct spool_request *request; /* to be served next */
	bool busy;                     /* one is, or is being served */
};

struct spool_disk_near {
	struct spool_fs *fs;
	void (*serve)(struct spool_fs *fs, struct spool_request *request);
	unsigned int n;
	struct near_cpu cpus[];
};

static void *near_main(void *arg)
{
	struct near_cpu *cpu = arg;
	struct spool_request *request;

	spool_thread_pin(cpu->cpu);
	spool_loop_lock(&cpu->loop);
	for (;;) {
		while (!cpu->request && !cpu->loop.stop)
			spool_loop_wait_locked(&cpu->loop, SPOOL_FOREVER);
		request = cpu->request;
		if (!request)
			break;
		cpu->request = NULL;
		spool_loop_unlock(&cpu->loop);
		cpu->near->serve(cpu->near->fs, request);
		spool_loop_lock(&cpu->loop);
		cpu->busy = false;
	}
	spool_loop_unlock(&cpu->loop);
	return NULL;
}

struct spool_disk_near *spool_disk_near_new(struct spool_fs *fs,
					    void (*serve)(struct spool_fs *fs,
							  struct spool_request *request))
{
	unsigned int n = (unsigned int)get_nprocs_conf();
	struct spool_disk_near *near = calloc(1, sizeof(*near) + n * sizeof(near->cpus[0]));

	if (!near)
		return NULL;
	near->fs = fs;
	near->serve = serve;
	near->n = n;
	for (unsigned int i = 0; i < n; i++) {
		near->cpus[i].near = near;
		near->cpus[i].cpu = i;
		spool_loop_init(&near->cpus[i].loop);
	}
	return near;
}

void spool_disk_near_stop(struct spool_disk_near *near)
{
	for (unsigned int i = 0; i < near->n; i++)
		spool_loop_stop(&near->cpus[i].loop);
}

void spool_disk_near_free(struct spool_disk_near *near)
{
	for (unsigned int i = 0; near && i < near->n; i++)
		spool_loop_fini(&near->cpus[i].loop);
	free(near);
}

bool spool_disk_near_take(struct spool_disk_near *near, struct spool_request *request)
{
	int here = sched_getcpu();
	struct near_cpu *cpu;
	bool taken;

	if (!spool_request_is_short_read(request) || here < 0 || (unsigned int)here >= near->n)
		return false;
	cpu = &near->cpus[here];
	spool_loop_lock(&cpu->loop);
	taken = !cpu->busy && !cpu->loop.stop &&
		(cpu->loop.n_threads > 0 ||
		 spool_loop_start_locked(&cpu->loop, "spoolfs-near", near_main, cpu) == 0);
	if (taken) {
		cpu->request = request;
		cpu->busy = true;
		/* it is freed after all who call this have ended */
		spool_loop_unlock_waking(&cpu->loop);
	} else {
		spool_loop_unlock(&cpu->loop);
	}
	return taken;
}

unsigned int spool_disk_near_threads(struct spool_disk_near *near, unsigned int *ret_busy)
{
	unsigned int n = 0;

	*ret_busy = 0;
	for (unsigned int i = 0; i < near->n; i++) {
		spool_loop_lock(&near->cpus[i].loop);
		n += near->cpus[i].loop.n_threads;
		*ret_busy += near->cpus[i].busy;
		spool_loop_unlock(&near->cpus[i].loop);
	}
	return n;
}
