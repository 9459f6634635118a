/* SPDX-License-Identifier: MIT */
#include "wait/queues.h"

#include <errno.h>

#include "fs.h"
#include "host/shared.h"
#include "transport/channel.h"
#include "transport/expire.h"
#include "transport/waitq.h"
#include "wait/for_disk.h"
#include "wait/for_ram.h"
#include "wait/for_release.h"
#include "wait/for_spill.h"
#include "wait/notify.h"
#include "wait/removals.h"

/* How long a thread that tells the kernel something may take at the end: the kernel may wait for
 * requests of others first, which are still answered. A guess. */
#define NOTIFY_WAIT_MS 1000u

/* -ENOENT: the kernel has forgotten the inode, which is as good. */
static void tell_kernel(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off, uint64_t len)
{
	const struct spool_fs *fs = ctx;

	if (what == SPOOL_TELL_NAMES)
		spool_removals_tell(fs->removals, (uid_t)ino);
	else if (what == SPOOL_TELL_ENTRIES)
		spool_expire_entries(fs, ino);
	else
		fuse_lowlevel_notify_inval_inode(
			fs->session, ino, what == SPOOL_TELL_PAGES ? (off_t)off : -1, (off_t)len);
	if (fs->shared)
		atomic_fetch_add(&fs->shared->said->told, 1);
}

static void answer(void *ctx, struct spool_request *request)
{
	spool_channel_go_on(ctx, request, SPOOL_TRY);
}

/* Where the kernel does not know the name it leaves what it knows of the directory as it was. What
 * it tells watchers is right for the last name, after which it takes the file for one without any;
 * so one that has others is asked for again. */
static void tell_name(const struct spool_fs *fs, const struct spool_removal *removal)
{
	struct spool_attr attr;

	if (fuse_lowlevel_notify_delete(fs->session, removal->parent, removal->child, removal->name,
					removal->len) == -ENOENT)
		fuse_lowlevel_notify_inval_inode(fs->session, removal->parent, -1, 0);
	if (spool_engine_getattr(fs->engine, removal->child, &attr) == 0)
		fuse_lowlevel_notify_inval_inode(fs->session, removal->child, -1, 0);
	if (fs->shared)
		atomic_fetch_add(&fs->shared->said->told, 1);
}

static void tell_removal(void *ctx, const struct spool_removal *removal)
{
	const struct spool_fs *fs = ctx;

	if (removal->len == 0)
		tell_kernel(ctx, removal->child, SPOOL_TELL_PAGES, 0, 0);
	else
		tell_name(fs, removal);
	spool_engine_told(fs->engine, &removal->untold);
}

static bool post_names(void *ctx, uid_t payer)
{
	const struct spool_fs *fs = ctx;

	return spool_notify_drop(fs->notify, payer, SPOOL_TELL_NAMES, payer, 0);
}

static int new_notify(struct spool_fs *fs)
{
	const struct spool_removals_config removals = {.tell = tell_removal,
						       .post = post_names,
						       .ctx = fs,
						       .ram = fs->options->machine_ram};
	const struct spool_notify_config config = {
		.tell = tell_kernel, .answer = answer, .ctx = fs};
	int r = spool_removals_new(&removals, &fs->removals);

	if (r == 0)
		r = spool_notify_new(&config, &fs->notify);
	if (r == 0)
		spool_waitqs_add(fs, spool_notify_waitq(fs->notify));
	return r;
}

static int new_for_release(struct spool_fs *fs)
{
	int r = spool_for_release_new(fs, &fs->for_release);

	if (r == 0)
		spool_waitqs_add(fs, spool_for_release_waitq(fs->for_release));
	return r;
}

static int new_for_disk(struct spool_fs *fs)
{
	int r = spool_for_disk_new(fs, NULL, &fs->for_disk);

	if (r == 0)
		spool_waitqs_add(fs, spool_for_disk_waitq(fs->for_disk));
	return r;
}

static int new_for_ram(struct spool_fs *fs)
{
	int r = spool_for_ram_new(fs, &fs->for_ram);

	if (r == 0)
		spool_waitqs_add(fs, spool_for_ram_waitq(fs->for_ram));
	return r;
}

static int new_for_spill(struct spool_fs *fs)
{
	int r = spool_for_spill_new(fs, &fs->for_spill);

	if (r == 0)
		spool_waitqs_add(fs, spool_for_spill_waitq(fs->for_spill));
	return r;
}

int spool_queues_new(struct spool_fs *fs)
{
	int r = new_notify(fs);

	if (r == 0)
		r = new_for_release(fs);
	if (r == 0)
		r = new_for_disk(fs);
	if (r < 0 || fs->options->backing_fd < 0)
		return r;
	r = new_for_ram(fs);
	if (r == 0)
		r = new_for_spill(fs);
	return r;
}

/* The kernel is told nothing more first: others may wait for that. The disk comes last: all others
 * may hand requests on to it. */
bool spool_queues_stop(struct spool_fs *fs)
{
	spool_notify_stop(fs->notify);
	spool_for_spill_stop(fs->for_spill);
	spool_for_release_stop(fs->for_release);
	spool_for_ram_stop(fs->for_ram);
	spool_for_disk_stop(fs->for_disk);
	return spool_notify_end(fs->notify, NOTIFY_WAIT_MS);
}

void spool_queues_free(struct spool_fs *fs, bool ended)
{
	spool_for_spill_free(fs->for_spill);
	fs->for_spill = NULL;
	spool_for_disk_free(fs->for_disk);
	fs->for_disk = NULL;
	spool_for_ram_free(fs->for_ram);
	fs->for_ram = NULL;
	spool_for_release_free(fs->for_release);
	fs->for_release = NULL;
	if (ended) {
		spool_notify_free(fs->notify);
		fs->notify = NULL;
		spool_removals_free(fs->removals);
		fs->removals = NULL;
	}
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		fs->waitqs[i] = NULL;
}
