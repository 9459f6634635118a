/* SPDX-License-Identifier: MIT */
#pragma once

/* How spoolctl finds a supervisor in /proc (ctl/record.h). */

#include <sys/types.h>

/**
 * spool_record_open() - tell that this process serves @device, mounted on @mountpoint
 * Return: a descriptor; closing it takes that back; -errno of memfd_create(2).
 */
int spool_record_open(dev_t device, const char *mountpoint);
