/* SPDX-License-Identifier: MIT */
#include "background/reclaim.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fs.h"
#include "wait/notify.h"
#include "host/thread.h"
#include "util/macros.h"

/* Memory of removed files goes back to the system after one to two rounds in which nobody wanted
 * it. A guess: longer than a compiler or a sort is without a temporary file. */
#define TIDY_ROUND_S 5

/* Each of so many rounds is one for the page cache. A file is dropped in the second of those after
 * its close, so after 20 to 40 s: within a minute of its last use nothing is held twice, and what
 * is read again soon is still there. A guess. */
#define CACHE_ROUNDS 4u

struct spool_tidy {
	struct spool_fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	bool stop;
	atomic_bool wanted; /* something was closed since the round began */
};

/* Waits for work, then for the round's end. Return: false at the end. */
static bool wait_round(struct spool_tidy *tidy, bool more)
{
	struct timespec until;
	bool stop;

	pthread_mutex_lock(&tidy->lock);
	while (!tidy->stop && !more && !atomic_load(&tidy->wanted))
		pthread_cond_wait(&tidy->changed, &tidy->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TIDY_ROUND_S;
	while (!tidy->stop &&
	       pthread_cond_timedwait(&tidy->changed, &tidy->lock, &until) != ETIMEDOUT)
		;
	atomic_store(&tidy->wanted, false);
	stop = tidy->stop;
	pthread_mutex_unlock(&tidy->lock);
	return !stop;
}

static void drop_pages(struct spool_tidy *tidy)
{
	struct spool_fs *fs = tidy->fs;
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN}; /* but who pays for the file */
	uint64_t inos[256];
	size_t n;

	while ((n = spool_engine_take_idle(fs->engine, inos, SPOOL_ARRAY_SIZE(inos))) > 0) {
		/* what the kernel does not take now it may after its next close */
		for (size_t i = 0; i < n; i++) {
			uid_t payer = spool_engine_payer(fs->engine, &nobody, inos[i]);

			spool_notify_drop(fs->notify, inos[i], payer);
		}
	}
}

static void *tidy_main(void *arg)
{
	struct spool_tidy *tidy = arg;
	bool pages = false, memory = false;

	for (unsigned int round = 1; wait_round(tidy, pages || memory); round++) {
		if (round % CACHE_ROUNDS == 0) {
			drop_pages(tidy);
			pages = spool_engine_next_round(tidy->fs->engine);
		} else {
			pages = true; /* something was closed, or there was more already */
		}
		memory = spool_engine_trim(tidy->fs->engine);
		malloc_trim(0);
	}
	return NULL;
}

void spool_tidy_kick(struct spool_tidy *tidy)
{
	if (!tidy || atomic_exchange(&tidy->wanted, true))
		return;
	pthread_mutex_lock(&tidy->lock);
	pthread_cond_signal(&tidy->changed);
	pthread_mutex_unlock(&tidy->lock);
}

int spool_tidy_new(struct spool_fs *fs, struct spool_tidy **ret)
{
	struct spool_tidy *tidy = calloc(1, sizeof(*tidy));
	int r;

	if (!tidy)
		return -ENOMEM;
	tidy->fs = fs;
	pthread_mutex_init(&tidy->lock, NULL);
	spool_thread_cond_init(&tidy->changed);
	r = spool_thread_start(&tidy->thread, "spoolfs-tidy", tidy_main, tidy);
	if (r < 0) {
		pthread_cond_destroy(&tidy->changed);
		pthread_mutex_destroy(&tidy->lock);
		free(tidy);
		return r;
	}
	*ret = tidy;
	return 0;
}

void spool_tidy_stop(struct spool_tidy *tidy)
{
	if (!tidy)
		return;
	pthread_mutex_lock(&tidy->lock);
	tidy->stop = true;
	pthread_cond_signal(&tidy->changed);
	pthread_mutex_unlock(&tidy->lock);
	pthread_join(tidy->thread, NULL);
}

void spool_tidy_free(struct spool_tidy *tidy)
{
	if (!tidy)
		return;
	pthread_cond_destroy(&tidy->changed);
	pthread_mutex_destroy(&tidy->lock);
	free(tidy);
}
