/* SPDX-License-Identifier: MIT */
#include "security/sandbox.h"

#include <cap-ng.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "security/privileges.h"
#include "security/sandbox_internal.h"

int spool_sandbox_enter(const struct spool_sandbox_needs *needs, struct spool_sandbox *ret)
{
	struct rlimit locked;
	uint64_t keep = 0;
	int r;

	if (needs->locks &&
	    (getrlimit(RLIMIT_MEMLOCK, &locked) < 0 || locked.rlim_cur != RLIM_INFINITY))
		keep = SPOOL_PRIVILEGE(CAP_IPC_LOCK);
	tzset(); /* it reads a file; log lines have the local time */
	r = spool_privileges_drop(keep);
	if (r < 0)
		return r;
	spool_privileges_names(ret->capabilities, sizeof(ret->capabilities));
	sandbox_landlock(needs, ret->landlock, sizeof(ret->landlock));
	sandbox_seccomp(ret->seccomp, sizeof(ret->seccomp));
	return 0;
}

void spool_sandbox_seal(struct spool_sandbox *sandbox)
{
	int r;

	if (strncmp(sandbox->seccomp, "on", 2) != 0)
		return;
	r = sandbox_seccomp_seal();
	if (r < 0)
		snprintf(sandbox->seccomp, sizeof(sandbox->seccomp),
			 "on, but io_uring can still be set up: %s", strerror(-r));
}
