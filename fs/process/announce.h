/* SPDX-License-Identifier: MIT */
#pragma once

/* Tells those who have started a mount how far it is: the program behind --ready-fd, and the
 * service manager, if there is one (host/service_manager.h). */

#include "host/service_manager.h"
#include "options/options.h"
#include "process/mount.h"

/** spool_announce_ready() - it serves. Closes options->ready_fd. */
void spool_announce_ready(const struct spool_options *options, const struct spool_mount *mount,
			  const struct spool_service_manager *manager);

/** spool_announce_end() - it is about to end. */
void spool_announce_end(const struct spool_mount *mount,
			const struct spool_service_manager *manager);
