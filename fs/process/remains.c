/* SPDX-License-Identifier: MIT */
#include "process/remains.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448 /* on all architectures; glibc 2.36 has no function for it */
#endif

/* The kernel says EAGAIN while it cannot have all of it, as others look at the memory just then.
 * Guesses. */
#define TRIES 20
#define RETRY_MS 10

/* Return: 0; -errno. */
static int free_private(int worker)
{
	int r = -EBADF;

	for (int i = 0; i < TRIES && worker >= 0; i++) {
		r = syscall(SYS_process_mrelease, worker, 0) < 0 ? -errno : 0;
		if (r != -EAGAIN && r != -EINTR)
			break;
		poll(NULL, 0, RETRY_MS);
	}
	return r == -ESRCH ? 0 : r; /* it has ended, or has given it back just now */
}

int spool_remains_free(int worker, int arena)
{
	int r = free_private(worker);

	return ftruncate(arena, 0) < 0 ? -errno : r;
}
