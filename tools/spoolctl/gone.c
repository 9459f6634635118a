/* SPDX-License-Identifier: MIT */
#include "spoolctl/gone.h"

#include <time.h>

/* Guesses: 100,000 entries take less. */
#define GONE_MS 30000
#define LOOK_MS 10

bool gone_wait(unsigned int *looks)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	if (++*looks > GONE_MS / LOOK_MS)
		return false;
	nanosleep(&pause, NULL);
	return true;
}
