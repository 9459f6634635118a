/* SPDX-License-Identifier: MIT */
#include "util/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

void spool_signals_reset(void)
{
	sigset_t none;

	for (int i = 1; i <= SIGRTMAX; i++) {
		if (signal(i, SIG_DFL) == SIG_ERR)
			errno = 0; /* SIGKILL, SIGSTOP, and those of the C library */
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
