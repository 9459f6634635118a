/* SPDX-License-Identifier: MIT */
#include "host/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "util/macros.h"

int spool_shared_new(bool noswap, struct spool_shared **ret)
{
	struct spool_shared *shared = calloc(1, sizeof(*shared));
	int r;

	if (!shared)
		return -ENOMEM;
	shared->said = mmap(NULL, sizeof(*shared->said), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared->said == MAP_FAILED) {
		r = -errno;
		free(shared);
		return r;
	}
	shared->arena.fd = -1;
	shared->alive = -1;
	shared->dies = -1;
	shared->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = shared->wake < 0 ? -errno : spool_arena_file_open(noswap, &shared->arena);
	if (r < 0) {
		spool_shared_free(shared);
		return r;
	}
	*ret = shared;
	return 0;
}

void spool_shared_set_detach(struct spool_shared *shared, uint32_t detach)
{
	if (shared && atomic_exchange(&shared->said->detach, detach) != detach)
		eventfd_write(shared->wake, 1);
}

void spool_shared_free(struct spool_shared *shared)
{
	if (!shared)
		return;
	spool_close(shared->wake);
	spool_close(shared->dies);
	spool_close(shared->arena.fd);
	munmap(shared->said, sizeof(*shared->said));
	free(shared);
}
