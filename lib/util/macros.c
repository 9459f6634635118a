/* SPDX-License-Identifier: MIT */
#include "util/macros.h"

#include <errno.h>

int spool_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}
