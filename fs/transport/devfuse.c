/* SPDX-License-Identifier: MIT */
#include "transport/devfuse.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "transport/channel.h"
#include "fs.h"
#include "transport/handshake.h"
#include "transport/waiting.h"
#include "transport/waitq.h"
#include "host/pulse.h"
#include "host/thread.h"
#include "util/macros.h"
#include "transport/wire.h"

/* Threads that wait in read(): one for each processor, two at least so that a long copy does not
 * stop everybody, and no more than are of use on /dev/fuse (a guess). */
#define THREADS_MIN 2
#define THREADS_MAX 16

/* With rings, what comes here are FORGETs, for which nobody waits. To be woken for each would cost
 * the one who caused it a good part of its unlink(); so after some have come, the thread sleeps
 * instead of waiting in read(), and then takes what has gathered. It waits in read() again when
 * nothing has. Guesses: as long as an orphan may keep its inode, and as short as a hundred wake-ups
 * per second of work. */
#define NAP_NS (10 * 1000 * 1000)

/* Errors in a row after which reading is given up: a second's worth. A guess. */
#define ERRORS_MAX 100u

/* In front of the data of the largest request: two headers; the kernel wants room for 8 KiB. */
#define HEAD_SIZE 8192u

/* Larger requests that are deferred are not copied out of their buffer. A guess. */
#define COPY_MAX (64u << 10)

struct spool_devfuse {
	struct spool_fs *fs;
	int fd;
	int ended;
	pthread_t threads[THREADS_MAX];
	atomic_uint n; /* grows once, while the first runs */
};

/* A request and the room for it; deferred ones are left to themselves, and another is taken. */
struct dev_buffer {
	struct spool_request request;
	size_t size;
	_Alignas(uint64_t) char data[];
};

static void free_buffer(struct spool_request *request)
{
	assert(request->state == SPOOL_REQUEST_FINISHED);
	free(spool_container_of(request, struct dev_buffer, request));
}

static struct dev_buffer *new_buffer(size_t size)
{
	struct dev_buffer *buffer = malloc(sizeof(*buffer) + size);

	if (buffer)
		buffer->size = size;
	return buffer;
}

/* Return: bytes; 0 the mount is gone; -errno. */
static ssize_t receive(const struct spool_devfuse *dev, struct dev_buffer *buffer)
{
	ssize_t n = read(dev->fd, buffer->data, buffer->size);

	if (n >= 0)
		return n;
	return errno == ENODEV || errno == ECONNABORTED ? 0 : -errno; /* unmounted; aborted */
}

/*
 * Gives a deferred request room of its own, as long as it is itself. A large one keeps the buffer
 * that it is in. Return: the request, and in *@buffer one for the next request; NULL: no memory.
 */
static struct spool_request *take_out(const struct spool_devfuse *dev, struct dev_buffer **buffer)
{
	struct spool_request *request = &(*buffer)->request;
	size_t len = request->waiting.drops_data ? 0 : request->len;
	struct dev_buffer *other = new_buffer(len > COPY_MAX ? (*buffer)->size : len);

	if (!other)
		return NULL;
	if (len > COPY_MAX) {
		*buffer = other;
	} else {
		spool_waiting_move(dev->fs->waiting, request, &other->request);
		other->request.data = memcpy(other->data, request->data, len);
		request = &other->request;
	}
	request->finish = free_buffer;
	return request;
}

static void *dev_main(void *arg);

/* Starts the other threads. Return: how many there are now. */
static unsigned int widen(struct spool_devfuse *dev)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int wanted = cpus < THREADS_MIN ? THREADS_MIN : (unsigned int)cpus;

	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	while (dev->n < wanted &&
	       spool_thread_start(&dev->threads[dev->n], "spoolfs-dev", dev_main, dev) == 0)
		dev->n++;
	return dev->n;
}

/* FUSE_INIT: what libfuse makes of it is extended, and what is to come finds somebody. */
static void shake_hands(struct spool_devfuse *dev, struct spool_request *request)
{
	struct spool_handshake_room room;
	struct spool_fs *fs = dev->fs;
	int r;

	spool_handshake_prepare(request, &room);
	spool_channel_process(fs, request, SPOOL_TRY);
	if (!request->answered)
		return;
	r = spool_handshake_finish(fs, request, dev->fd);
	if (r == 0)
		fs->n_threads = widen(dev);
	/* cannot fail: it was never written before */
	if (r >= 0 && eventfd_write(fs->inited, 1) < 0)
		spool_log(fs->log, SPOOL_LOG_ERROR, "eventfd: %s", strerror(errno));
}

/* Return: a buffer for the next one. */
static struct dev_buffer *handle(struct spool_devfuse *dev, struct dev_buffer *buffer, size_t len)
{
	struct spool_request *request;

	buffer->request = (struct spool_request){.data = buffer->data, .len = len};
	if (!spool_request_parse(&buffer->request)) {
		spool_log(dev->fs->log, SPOOL_LOG_WARNING, "/dev/fuse: a request makes no sense");
		return buffer;
	}
	if (buffer->request.opcode == FUSE_INIT) {
		shake_hands(dev, &buffer->request);
		return buffer;
	}
	spool_request_set_payer(dev->fs->engine, &buffer->request);
	spool_channel_process(dev->fs, &buffer->request, SPOOL_TRY);
	if (!buffer->request.waitq)
		return buffer;
	request = take_out(dev, &buffer);
	if (request) {
		spool_channel_defer(request);
		return buffer;
	}
	spool_channel_give_up(dev->fs, &buffer->request);
	return buffer;
}

/* With rings, lets requests gather unless there are some already. */
static void let_gather(const struct spool_devfuse *dev)
{
	struct pollfd fd = {.fd = dev->fd, .events = POLLIN};

	if (dev->fs->rings && poll(&fd, 1, 0) == 0)
		spool_waitqs_gather(dev->fs, NAP_NS);
}

/* An error that the kernel has no reason for but a passing one, like -ENOMEM. Return: whether to go
 * on, after a pause. */
static bool try_on(const struct spool_devfuse *dev, int error, unsigned int *n)
{
	const struct timespec pause = {.tv_nsec = NAP_NS};

	if ((*n)++ == 0)
		spool_log(dev->fs->log, SPOOL_LOG_ERROR, "/dev/fuse: %s", strerror(-error));
	nanosleep(&pause, NULL);
	return *n < ERRORS_MAX;
}

static void *dev_main(void *arg)
{
	struct spool_devfuse *dev = arg;
	struct spool_fs *fs = dev->fs;
	struct dev_buffer *buffer = new_buffer(fs->max_write + HEAD_SIZE);
	struct spool_pulse *pulse = spool_pulse_join(fs->pulses);
	unsigned int n_errors = 0;

	while (buffer && !fuse_session_exited(fs->session)) {
		ssize_t n = receive(dev, buffer);

		/* ENOENT: the caller was interrupted before we came */
		if (n == -EINTR || n == -EAGAIN || n == -ENOENT)
			continue;
		if (n < 0 && try_on(dev, (int)n, &n_errors))
			continue;
		if (n <= 0)
			break;
		n_errors = 0;
		spool_pulse_work(pulse);
		buffer = handle(dev, buffer, (size_t)n);
		spool_pulse_rest(pulse);
		let_gather(dev);
	}
	free(buffer);
	fuse_session_exit(fs->session);
	if (eventfd_write(dev->ended, 1) < 0)
		spool_log(fs->log, SPOOL_LOG_ERROR, "eventfd: %s", strerror(errno));
	return NULL;
}

int spool_devfuse_start(struct spool_fs *fs, int fd, int ended, struct spool_devfuse **ret)
{
	struct spool_devfuse *dev = calloc(1, sizeof(*dev));
	int r;

	if (!dev)
		return -ENOMEM;
	*dev = (struct spool_devfuse){.fs = fs, .fd = fd, .ended = ended, .n = 1};
	r = spool_thread_start(&dev->threads[0], "spoolfs-dev", dev_main, dev);
	if (r < 0)
		free(dev);
	else
		*ret = dev;
	return r;
}

void spool_devfuse_stop(struct spool_devfuse *dev)
{
	if (!dev)
		return;
	fuse_session_exit(dev->fs->session);
	for (unsigned int i = 0; i < dev->n; i++)
		spool_thread_interrupt(dev->threads[i]);
	free(dev);
}
