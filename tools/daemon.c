/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/macros.h"

static bool is_program(const char *path, size_t size, int len)
{
	return len > 0 && (size_t)len < size && access(path, X_OK) == 0;
}

void daemon_path(char *ret, size_t size)
{
	static const char *const places[] = {"spoolfs", "../fs/spoolfs", "../sbin/spoolfs"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		const char *dir;

		self[n] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
			if (is_program(ret, size, snprintf(ret, size, "%s/%s", dir, places[i])))
				return;
		}
	}
	if (!is_program(ret, size, snprintf(ret, size, "%s", SPOOLFS_INSTALLED)))
		snprintf(ret, size, "spoolfs");
}
