/* SPDX-License-Identifier: MIT */
#include "process/announce.h"

#include <unistd.h>

void spool_announce_ready(const struct spool_options *options, const struct spool_mount *mount,
			  const struct spool_service_manager *manager)
{
	static const char ready[] = "ready\n";

	/* it asks for the pid where we went to the background */
	spool_service_manager_tell(manager, "READY=1\nMAINPID=%d\nSTATUS=Serves %s", (int)getpid(),
				   mount->path);
	if (options->ready_fd < 0)
		return;
	/* the program that asked for the mount may have ended; its descriptor tells */
	if (write(options->ready_fd, ready, sizeof(ready) - 1) < 0)
		return;
	close(options->ready_fd);
}

void spool_announce_end(const struct spool_mount *mount,
			const struct spool_service_manager *manager)
{
	spool_service_manager_tell(manager, "STOPPING=1\nSTATUS=Ends %s", mount->path);
}
