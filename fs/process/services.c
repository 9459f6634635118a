/* SPDX-License-Identifier: MIT */
#include "process/services.h"

#include <assert.h>

#include "background/ahead.h"
#include "background/pressure.h"
#include "background/reaper.h"
#include "background/reclaim.h"
#include "background/sessions.h"
#include "background/writeback.h"
#include "fs.h"
#include "ops/control_server.h"
#include "ops/dirs.h"
#include "transport/devfuse.h"
#include "transport/ring.h"
#include "transport/tally.h"
#include "transport/waiting.h"
#include "wait/queues.h"
#include "wait/removals.h"

int spool_services_start(struct spool_fs *fs)
{
	int r;

	assert(fs->engine && !fs->dirs && !fs->stopping);
	r = spool_dirs_new(&fs->dirs);
	if (r == 0)
		r = spool_waiting_new(fs, &fs->waiting);
	if (r == 0)
		r = spool_tally_new(&fs->by_payer);
	if (r == 0)
		r = spool_queues_new(fs);
	if (r == 0)
		r = spool_reclaim_new(fs->engine, fs->notify, &fs->reclaim);
	if (r == 0)
		r = spool_reaper_new(fs->engine, fs->removals, &fs->reaper);
	if (r == 0)
		r = spool_life_start(fs->life);
	if (r == 0 && fs->options->backing_fd >= 0)
		r = spool_writeback_new(fs->engine, &fs->writeback);
	if (r == 0 && fs->options->backing_fd >= 0)
		r = spool_ahead_threads_new(fs->engine, &fs->ahead);
	if (r == 0)
		r = spool_pressure_start(fs->pressure);
	return r;
}

/* These end first, while the transport still serves: what they answer or wait for needs it. From
 * here on no request is deferred. Return: false: a thread hangs in the kernel. */
static bool stop_queues(struct spool_fs *fs)
{
	bool ended;

	atomic_store(&fs->stopping, true);
	spool_control_server_stop(fs->control_server);
	fs->control_server = NULL;
	spool_pressure_stop(fs->pressure);
	spool_life_stop(fs->life);
	spool_removals_stop(fs->removals); /* which the reaper may wait for */
	spool_reaper_stop(fs->reaper);
	ended = spool_queues_stop(fs);
	spool_reclaim_stop(fs->reclaim);
	return ended;
}

static void stop_transport(struct spool_fs *fs)
{
	if (fs->session)
		fuse_session_exit(fs->session);
	spool_devfuse_stop(fs->devfuse);
	spool_rings_stop(fs->rings);
	fs->devfuse = NULL;
	fs->rings = NULL;
}

/* No request is served any more. Writeback has no stop of its own: its threads end here. */
static void free_queues(struct spool_fs *fs, bool ended)
{
	spool_pressure_free(fs->pressure);
	spool_reclaim_free(fs->reclaim);
	spool_reaper_free(fs->reaper);
	spool_writeback_free(fs->writeback);
	spool_ahead_threads_free(fs->ahead);
	spool_queues_free(fs, ended);
	spool_dirs_free(fs->dirs);
	/* freeing the engine calls some of them: NULL does nothing */
	fs->pressure = NULL;
	fs->reclaim = NULL;
	fs->reaper = NULL;
	fs->writeback = NULL;
	fs->ahead = NULL;
	fs->dirs = NULL;
}

bool spool_services_stop(struct spool_fs *fs)
{
	bool ended = stop_queues(fs);

	stop_transport(fs);
	free_queues(fs, ended);
	if (!ended) {
		spool_log(fs->log, SPOOL_LOG_WARNING,
			  "a thread waits in the kernel for the end of the connection");
		return false;
	}
	spool_tally_free(fs->by_payer);
	fs->by_payer = NULL;
	spool_waiting_free(fs->waiting);
	fs->waiting = NULL;
	return true;
}
