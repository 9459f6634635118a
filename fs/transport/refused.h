/* SPDX-License-Identifier: MIT */
#pragma once

/* Which limit it was, for whoever looks after a mount and hears that there is no room. */

struct spool_fs;

/** spool_refused_log() - one line for each limit that was met and was not said in the last minute.
 * Cheap when there is none. No locks. */
void spool_refused_log(struct spool_fs *fs);
