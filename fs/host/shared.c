/* SPDX-License-Identifier: MIT */
#include "host/shared.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

int spool_shared_new(struct spool_shared **ret)
{
	struct spool_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	*ret = shared;
	return 0;
}

void spool_shared_free(struct spool_shared *shared)
{
	if (shared)
		munmap(shared, sizeof(*shared));
}
