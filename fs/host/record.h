/* SPDX-License-Identifier: MIT */
#pragma once

/* How spoolctl finds a supervisor in /proc (ctl/record.h). */

#include <sys/types.h>

struct spool_ctl_detached;

/**
 * spool_record_open() - tell that this process serves @device, mounted on @mountpoint
 * @detached: or mounted there no more
 * Return: a descriptor; closing it takes that back; -errno of memfd_create(2).
 */
int spool_record_open(dev_t device, const struct spool_ctl_detached *detached,
		      const char *mountpoint);
