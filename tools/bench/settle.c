/* SPDX-License-Identifier: MIT */
#include "bench/settle.h"

#include <sys/statvfs.h>
#include <time.h>

/* How long a filesystem may go on to free what was removed. Guesses. */
#define SETTLE_STEP_NS (5 * 1000 * 1000)
#define SETTLE_STEPS 400u
#define SETTLED 3u /* looks in a row that find the same */

void bench_settle(int dirfd)
{
	const struct timespec step = {.tv_nsec = SETTLE_STEP_NS};
	struct statvfs before = {0}, now;
	unsigned int same = 0;

	for (unsigned int i = 0; i < SETTLE_STEPS && same < SETTLED; i++) {
		if (fstatvfs(dirfd, &now) < 0)
			return;
		same = now.f_bfree == before.f_bfree && now.f_ffree == before.f_ffree ? same + 1
										      : 0;
		before = now;
		nanosleep(&step, NULL);
	}
}
