/* SPDX-License-Identifier: MIT */
#include "common/change.h"

#include <stdio.h>
#include <string.h>

#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "util/macros.h"
#include "util/text.h"

int change_option(const char *program, const char *mountpoint, const char *option)
{
	static const char prefix[] = "spoolfs: ";
	char message[SPOOL_CTL_TEXT * 2];
	spool_cleanup(fd) int fd = reach_mount(mountpoint, true);
	int r = fd < 0 ? fd : spool_ctl_set(fd, option, message);

	if (r < 0) {
		fprintf(stderr, "%s: ", program);
		spool_text_put(stderr, mountpoint);
		fprintf(stderr, ": %s\n", spool_ctl_reason(-r));
		return EXIT_FAILED;
	}
	if (r > 0)
		fprintf(stderr, "%s: %s\n", program,
			strncmp(message, prefix, strlen(prefix)) == 0 ? message + strlen(prefix)
								      : message);
	return r ? EXIT_USAGE : EXIT_OK;
}
