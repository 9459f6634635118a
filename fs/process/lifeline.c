/* SPDX-License-Identifier: MIT */
#include "process/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>

#include "host/thread.h"

struct holder {
	unsigned int fd;
	bool is_alone; /* with it */
	sem_t begun;
};

int spool_lifeline_new(int *ret_hold, int *ret_watch)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	*ret_watch = pair[0];
	*ret_hold = pair[1];
	return 0;
}

/* Leaves the calling thread with a table of files of its own, and @fd alone in it. */
static bool keep_alone(unsigned int fd)
{
	return close_range(fd + 1, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0 &&
	       (fd == 0 || close_range(0, fd - 1, 0) == 0);
}

static void *hold_main(void *arg)
{
	struct holder *holder = arg;
	bool is_alone = keep_alone(holder->fd);

	holder->is_alone = is_alone;
	sem_post(&holder->begun);
	while (is_alone)
		poll(NULL, 0, -1);
	return NULL;
}

void spool_lifeline_hold(int hold)
{
	struct holder holder = {.fd = (unsigned int)hold};
	pthread_t thread;

	sem_init(&holder.begun, 0, 0);
	if (spool_thread_start(&thread, "spoolfs-alive", hold_main, &holder) == 0) {
		pthread_detach(thread);
		while (sem_wait(&holder.begun) < 0)
			;
		if (holder.is_alone)
			close(hold);
	}
	sem_destroy(&holder.begun);
}
