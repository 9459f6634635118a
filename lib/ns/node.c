/* SPDX-License-Identifier: MIT */
#include "ns/node.h"

#include <assert.h>
#include <sys/stat.h>

#include "ns/dir.h"
#include "store/object.h"
#include "util/host.h"

/* What malloc adds to a block: 8 bytes of header, rounded to 16 (glibc's malloc on 64 bits). */
#define MALLOC_EXTRA 16u

struct spool_node *spool_node_new(const struct spool_host *host, mode_t mode)
{
	struct spool_node *node = spool_alloc(host, sizeof(*node));

	if (!node)
		return NULL;
	node->mode = mode;
	node->type = mode & S_IFMT;
	if (S_ISDIR(mode)) {
		node->dir = spool_alloc(host, sizeof(*node->dir));
		if (!node->dir) {
			spool_free(host, node);
			return NULL;
		}
		spool_dir_init(node->dir);
	}
	spool_mutex_init(&node->lock);
	return node;
}

void spool_node_free(const struct spool_host *host, struct spool_node *node)
{
	assert(!node->user && !node->xattrs);
	if (S_ISDIR(node->type))
		spool_free(host, node->dir);
	if (S_ISREG(node->type) && node->file) {
		assert(!node->file->object);
		spool_rwlock_fini(&node->file->lock);
		spool_free(host, node->file);
	}
	if (S_ISLNK(node->type))
		spool_free(host, node->target);
	spool_mutex_fini(&node->lock);
	spool_free(host, node);
}

uint64_t spool_node_bytes(mode_t mode)
{
	uint64_t bytes = sizeof(struct spool_node) + MALLOC_EXTRA;

	if (S_ISDIR(mode))
		bytes += sizeof(struct spool_dir) + MALLOC_EXTRA;
	if (S_ISREG(mode))
		bytes += sizeof(struct spool_file) + spool_object_bytes() + 2 * MALLOC_EXTRA;
	return bytes;
}

void spool_node_set_times_locked(struct spool_node *node, const char *which,
				 const struct timespec *now)
{
	for (; *which; which++) {
		if (*which == 'a') {
			node->atime_sec = now->tv_sec;
			node->atime_ns = (uint32_t)now->tv_nsec;
		} else if (*which == 'm') {
			node->mtime_sec = now->tv_sec;
			node->mtime_ns = (uint32_t)now->tv_nsec;
		} else {
			node->ctime_sec = now->tv_sec;
			node->ctime_ns = (uint32_t)now->tv_nsec;
		}
	}
}

void spool_node_kill_set_ids_locked(struct spool_node *node, bool outsider)
{
	if (S_ISDIR(node->type))
		return;
	node->mode &= ~(mode_t)S_ISUID;
	if (outsider || (node->mode & S_IXGRP))
		node->mode &= ~(mode_t)S_ISGID;
}

void spool_node_times_locked(const struct spool_node *node, struct timespec *atime,
			     struct timespec *mtime, struct timespec *ctime)
{
	*atime = (struct timespec){.tv_sec = node->atime_sec, .tv_nsec = node->atime_ns};
	*mtime = (struct timespec){.tv_sec = node->mtime_sec, .tv_nsec = node->mtime_ns};
	*ctime = (struct timespec){.tv_sec = node->ctime_sec, .tv_nsec = node->ctime_ns};
}
