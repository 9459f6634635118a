/* SPDX-License-Identifier: MIT */
#pragma once

/* What the supervisor tells of itself to who looks into /proc (ctl/record.h). */

#include <sys/types.h>

/**
 * spool_record_open() - tell that this process serves @device, mounted on @mountpoint
 * Return: a descriptor: it is told until that is closed; -errno of memfd_create(2).
 */
int spool_record_open(dev_t device, const char *mountpoint);
