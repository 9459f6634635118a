/* SPDX-License-Identifier: MIT */
#pragma once

/* All wait queues of a mount, behind the one interface that requests see (transport/waitq.h). */

#include <stdbool.h>

struct spool_fs;

/**
 * spool_queues_new() - makes those of @fs, and has requests shown to them
 * Those for RAM and for what is to be spilled are for mounts with a disk only. Return: 0; -errno:
 * what was made is to be stopped and freed.
 */
int spool_queues_new(struct spool_fs *fs);

/**
 * spool_queues_stop() - what waits is answered, and so is what would wait from now on
 * Those who serve still run. Return: false: a thread is left that waits in the kernel, and that
 * only the end of the connection frees; what it uses must stay.
 */
bool spool_queues_stop(struct spool_fs *fs);

/** spool_queues_free() - when nobody serves any more. @ended: spool_queues_stop() has said so. */
void spool_queues_free(struct spool_fs *fs, bool ended);
