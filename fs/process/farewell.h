/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker does before it stops serving for good.
 *
 * The end of a connection leaves what the kernel has cached: whoever has a file open or mapped
 * would go on reading it. So every request is refused first (ENOTCONN), which keeps anything more
 * from being cached, and then the kernel is made to drop the pages and attributes of all inodes.
 * Pages that are mapped are unmapped by that: the next access is SIGBUS.
 */

struct spool_fs;

/* For all of it: 100,000 inodes take about a second, and those that somebody has open come first.
 * And without any progress, as a user can hold up what concerns his own files. Guesses. */
#define SPOOL_FAREWELL_MS 5000u
#define SPOOL_FAREWELL_STILL_MS 300u

/**
 * spool_farewell() - refuse all requests from now on, and have the kernel drop what it has cached
 * Those who serve still run, and go on doing so until the services are stopped. Returns after
 * SPOOL_FAREWELL_MS at the latest, or when the kernel does not come on.
 */
void spool_farewell(struct spool_fs *fs);
