/* SPDX-License-Identifier: MIT */
#include "process/overdue.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/engine.h"
#include "fs.h"
#include "host/clock.h"
#include "host/loop.h"
#include "host/shared.h"
#include "options/options.h"
#include "util/log.h"

/* Less than the supervisor's limit (child.c), also where tests shorten that. A disk that answers
 * takes some 10 ms for what it has in hand. A guess. */
#define LIMIT_NS UINT64_C(2000000000)

struct spool_overdue {
	struct spool_fs *fs;
	struct spool_loop loop;
	uint64_t until_ns;
	atomic_bool decided; /* by whoever is first: the end is overdue, or it is not */
};

static void *overdue_main(void *arg)
{
	struct spool_overdue *overdue = arg;
	struct spool_fs *fs = overdue->fs;
	uint64_t seen = 0;

	if (!spool_loop_sleep(&overdue->loop, &seen, overdue->until_ns) ||
	    atomic_exchange(&overdue->decided, true))
		return NULL;
	spool_log(fs->log, SPOOL_LOG_WARNING,
		  "the backing directory does not answer: ends without it");
	spool_engine_abandon(fs->engine);
	atomic_store(&fs->shared->said->in_order, true);
	_exit(0);
}

struct spool_overdue *spool_overdue_start(struct spool_fs *fs)
{
	struct spool_overdue *overdue;

	if (fs->options->backing_fd < 0)
		return NULL;
	overdue = calloc(1, sizeof(*overdue));
	if (!overdue)
		return NULL;
	overdue->fs = fs;
	overdue->until_ns = spool_clock_ns() + LIMIT_NS * (uint64_t)fs->options->patience;
	spool_loop_init(&overdue->loop);
	if (spool_loop_start(&overdue->loop, "spoolfs-overdue", overdue_main, overdue) < 0) {
		spool_loop_fini(&overdue->loop);
		free(overdue);
		return NULL;
	}
	return overdue;
}

void spool_overdue_stop(struct spool_overdue *overdue)
{
	if (!overdue)
		return;
	while (atomic_exchange(&overdue->decided, true))
		pause(); /* the process ends */
	spool_loop_stop(&overdue->loop);
	spool_loop_fini(&overdue->loop);
	free(overdue);
}
