/* SPDX-License-Identifier: MIT */
#include "ops/dirs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/lock.h"

struct open_dir {
	LIST_ENTRY(open_dir) link; /* lock of spool_dirs */
	uint64_t end;              /* lock: the directory's, in the engine */
};

LIST_HEAD(open_dirs, open_dir);

struct spool_dirs {
	struct spool_mutex lock;
	struct open_dirs list; /* for freeing those that are open when the connection ends */
};

/* The kernel gives back only what an open has given it. */
static struct open_dir *open_dir_of(uint64_t handle)
{
	struct open_dir *dir = (struct open_dir *)(uintptr_t)handle;

	assert(dir);
	return dir;
}

int spool_dirs_new(struct spool_dirs **ret)
{
	struct spool_dirs *dirs = calloc(1, sizeof(*dirs));

	if (!dirs)
		return -ENOMEM;
	spool_mutex_init(&dirs->lock);
	LIST_INIT(&dirs->list);
	*ret = dirs;
	return 0;
}

void spool_dirs_free(struct spool_dirs *dirs)
{
	struct open_dir *dir;

	if (!dirs)
		return;
	while ((dir = LIST_FIRST(&dirs->list))) {
		LIST_REMOVE(dir, link);
		free(dir);
	}
	spool_mutex_fini(&dirs->lock);
	free(dirs);
}

int spool_dirs_open(struct spool_dirs *dirs, uint64_t *ret_handle)
{
	struct open_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	spool_mutex_lock(&dirs->lock, SPOOL_RANK_QUEUE);
	LIST_INSERT_HEAD(&dirs->list, dir, link);
	spool_mutex_unlock(&dirs->lock);
	*ret_handle = (uintptr_t)dir;
	return 0;
}

void spool_dirs_close(struct spool_dirs *dirs, uint64_t handle)
{
	struct open_dir *dir = open_dir_of(handle);

	spool_mutex_lock(&dirs->lock, SPOOL_RANK_QUEUE);
	LIST_REMOVE(dir, link);
	spool_mutex_unlock(&dirs->lock);
	free(dir);
}

uint64_t *spool_dirs_end(uint64_t handle)
{
	return &open_dir_of(handle)->end;
}
