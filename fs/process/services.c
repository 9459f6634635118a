/* SPDX-License-Identifier: MIT */
#include "process/services.h"

#include "background/pressure.h"
#include "background/reclaim.h"
#include "background/writeback.h"
#include "fs.h"
#include "ops/dirs.h"
#include "transport/channel.h"
#include "transport/devfuse.h"
#include "transport/ring.h"
#include "transport/waiting.h"
#include "wait/for_disk.h"
#include "wait/for_ram.h"
#include "wait/for_release.h"
#include "wait/for_spill.h"
#include "wait/notify.h"

/* How long a thread that tells the kernel something may take at the end: the kernel may wait for
 * requests of others first, which are still answered. A guess. */
#define NOTIFY_WAIT_MS 1000u

/* What only a mount with a disk needs. */
static int start_tier(struct spool_fs *fs)
{
	int r = spool_for_ram_new(fs, &fs->for_ram);

	if (r == 0)
		r = spool_for_spill_new(fs, &fs->for_spill);
	if (r == 0)
		r = spool_writeback_new(fs->engine, &fs->writeback);
	return r;
}

int spool_services_start(struct spool_fs *fs)
{
	int r = spool_dirs_new(&fs->dirs);

	if (r == 0)
		r = spool_waiting_new(fs, &fs->waiting);
	if (r == 0)
		r = spool_channel_new_notify(fs);
	if (r == 0)
		r = spool_for_release_new(fs, &fs->for_release);
	if (r == 0)
		r = spool_reclaim_new(fs, &fs->reclaim);
	if (r == 0)
		r = spool_channel_new_disk(fs);
	if (r == 0 && fs->options->backing_fd >= 0)
		r = start_tier(fs);
	if (r == 0)
		r = spool_pressure_start(fs->pressure);
	return r;
}

/* These end first, while the transport still serves: what they answer or wait for needs it. From
 * here on no request is deferred. Return: false: a thread hangs in the kernel. */
static bool stop_queues(struct spool_fs *fs)
{
	atomic_store(&fs->stopping, true);
	spool_pressure_stop(fs->pressure);
	spool_notify_stop(fs->notify);
	spool_for_spill_stop(fs->for_spill);
	spool_reclaim_stop(fs->reclaim);
	spool_for_release_stop(fs->for_release);
	spool_for_ram_stop(fs->for_ram);
	spool_for_disk_stop(fs->for_disk);
	return spool_notify_end(fs->notify, NOTIFY_WAIT_MS);
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
static void free_queues(struct spool_fs *fs)
{
	spool_pressure_free(fs->pressure);
	spool_reclaim_free(fs->reclaim);
	spool_writeback_free(fs->writeback);
	spool_for_spill_free(fs->for_spill);
	spool_for_disk_free(fs->for_disk);
	spool_for_ram_free(fs->for_ram);
	spool_for_release_free(fs->for_release);
	spool_dirs_free(fs->dirs);
	/* freeing the engine calls some of them: NULL does nothing */
	fs->pressure = NULL;
	fs->reclaim = NULL;
	fs->writeback = NULL;
	fs->for_spill = NULL;
	fs->for_disk = NULL;
	fs->for_ram = NULL;
	fs->for_release = NULL;
	fs->dirs = NULL;
}

bool spool_services_stop(struct spool_fs *fs)
{
	bool ended = stop_queues(fs);

	stop_transport(fs);
	free_queues(fs);
	if (!ended) {
		spool_log(fs->log, SPOOL_LOG_WARNING,
			  "a thread waits in the kernel for the end of the connection");
		return false;
	}
	spool_notify_free(fs->notify);
	spool_waiting_free(fs->waiting);
	fs->notify = NULL;
	fs->waiting = NULL;
	return true;
}
