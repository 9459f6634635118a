/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The supervisor's part of detach.h: looks at the mount table of its namespace when the kernel says
 * that it has changed, and at the clock when a grace runs. Sleeps for good otherwise.
 *
 * A table of thousands of mounts, which may change thousands of times a second, is read so seldom
 * that it costs little. Whatever cannot be read is as if nothing had changed.
 */

#include <stdint.h>
#include <sys/types.h>

#include "process/detach.h"
#include "process/mount.h"
#include "util/log.h"

struct spool_attached;

/**
 * spool_attached_new() - watch whether @device is mounted
 * Looks when it is asked the first time, too. Return: 0; -errno: the table cannot be watched.
 */
int spool_attached_new(dev_t device, struct spool_attached **ret);

/** spool_attached_free() - NULL is allowed. */
void spool_attached_free(struct spool_attached *attached);

/** spool_attached_fd() - to be polled for POLLPRI. Return: -1: not now; always, when @attached is
 * NULL. */
int spool_attached_fd(const struct spool_attached *attached);

/** spool_attached_timeout() - ms until it wants to look, -1: not before the table changes. NULL is
 * allowed. @grace: as of spool_detach_look() */
int spool_attached_timeout(const struct spool_attached *attached, uint32_t grace);

/**
 * spool_attached_look() - whenever poll(2) has returned
 * @changed: the descriptor has said so
 * Return: what is to be done, as of spool_detach_look(). NULL is allowed: nothing.
 */
enum spool_detach_event spool_attached_look(struct spool_attached *attached, bool changed,
					    uint32_t grace);

/**
 * spool_attached_tell() - log what has happened, and record it for spoolctl (host/record.h)
 * @event: of spool_attached_look(), with @grace
 * @record: the record that there is, or -1; gets the new one
 */
void spool_attached_tell(const struct spool_attached *attached, enum spool_detach_event event,
			 uint32_t grace, const struct spool_mount *mount, struct spool_log *log,
			 int *record);
