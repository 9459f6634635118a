/* SPDX-License-Identifier: MIT */
#include "transport/ring_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "fs.h"
#include "host/thread.h"
#include "util/macros.h"

/* One ring's step is done. Waits for what is to be done next. */
static enum ring_phase report(struct spool_ring *ring, enum ring_phase next, int error,
			      const char *where)
{
	struct spool_rings *rings = ring->rings;
	enum ring_phase phase;

	spool_mutex_lock(&rings->lock, SPOOL_RANK_QUEUE);
	if (error < 0 && rings->error == 0) {
		rings->error = error;
		rings->error_at = where;
	}
	rings->n_ready++;
	spool_cond_wake_all(&rings->changed);
	while (rings->phase < next)
		spool_cond_wait(&rings->changed, &rings->lock, SPOOL_FOREVER);
	phase = rings->phase;
	spool_mutex_unlock(&rings->lock);
	return phase;
}

/* It carries requests and does nothing else: what a ring does is not seen by seccomp. */
static int restrict_ring(struct spool_ring *ring)
{
	struct io_uring_restriction rules[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_URING_CMD},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD},
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE},
		{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_RING_FDS},
		{.opcode = IORING_RESTRICTION_REGISTER_OP,
		 .register_op = IORING_UNREGISTER_RING_FDS},
	};
	int fd = ring->uring.ring_fd;

	/* by number: liburing 2.3 does not export its functions for these */
	if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, rules,
		    SPOOL_ARRAY_SIZE(rules)) < 0 ||
	    syscall(__NR_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -errno;
	return 0;
}

/* Everything that can fail, by the thread that will use it. */
static int set_up(struct spool_ring *ring, const char **where)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_R_DISABLED,
	};
	int r;

	ring->pinned = spool_thread_pin(ring->cpu);
	*where = "mmap";
	r = ring_add_block(ring, ring->rings->n_first);
	if (r < 0)
		return r;
	*where = "eventfd";
	ring->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->wake < 0)
		return -errno;
	*where = "io_uring_setup";
	r = io_uring_queue_init_params(ring->rings->n_first + 1, &ring->uring, &params);
	if (r < 0)
		return r;
	*where = "io_uring_register";
	r = io_uring_register_files(&ring->uring, &ring->rings->fd, 1);
	if (r == 0)
		r = restrict_ring(ring);
	if (r == 0)
		io_uring_register_ring_fd(&ring->uring); /* spares a look-up; can be done without */
	else
		io_uring_queue_exit(&ring->uring);
	return r;
}

static void *ring_main(void *arg)
{
	struct spool_ring *ring = arg;
	const char *where = NULL;
	int r = set_up(ring, &where);
	bool have_uring = r == 0;

	if (report(ring, RING_GO, r, where) == RING_GO) {
		r = ring_register(ring);
		report(ring, RING_GO, r, "FUSE_IO_URING_CMD_REGISTER");
		if (r == 0)
			ring_serve(ring);
	}
	if (have_uring)
		io_uring_queue_exit(&ring->uring);
	return NULL;
}

/* Lets all threads go on with @phase, and waits until they have done what comes with it. */
static int go_on(struct spool_rings *rings, enum ring_phase phase, unsigned int n_threads)
{
	int r;

	spool_mutex_lock(&rings->lock, SPOOL_RANK_QUEUE);
	if (phase != RING_PREPARE) {
		rings->phase = phase;
		rings->n_ready = 0;
		spool_cond_wake_all(&rings->changed);
	}
	while (phase != RING_GIVE_UP && rings->n_ready < n_threads)
		spool_cond_wait(&rings->changed, &rings->lock, SPOOL_FOREVER);
	r = rings->error;
	spool_mutex_unlock(&rings->lock);
	return r;
}

static int start_threads(struct spool_rings *rings, const char **where)
{
	unsigned int i;
	int r = 0;

	*where = "pthread_create";
	for (i = 0; i < rings->n && r == 0; i++) {
		struct spool_ring *ring = &rings->rings[i];

		r = spool_thread_start(&ring->thread, "spoolfs-ring", ring_main, ring);
		ring->has_thread = r == 0;
	}
	if (r == 0) {
		r = go_on(rings, RING_PREPARE, rings->n);
		*where = rings->error_at;
	}
	return r;
}

size_t spool_rings_max_write(uint64_t ram)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t n = (uint64_t)get_nprocs_conf() * RING_ENTRIES_MIN;

	return (size_t)spool_max_u64(RING_PAYLOAD_MIN, ram / RING_RAM_PART / n / page * page);
}

/* As many as have room in a part of the RAM. */
static unsigned int n_first_of(const struct spool_rings *rings)
{
	uint64_t all = rings->fs->options->machine_ram / RING_RAM_PART / rings->payload_size;
	uint64_t n =
		spool_min_u64(spool_min_u64(RING_ENTRIES_ALL, all) / rings->n, RING_ENTRIES_MAX);

	return (unsigned int)spool_max_u64(RING_ENTRIES_MIN, n);
}

static struct spool_rings *new_rings(struct spool_fs *fs, int fd, size_t payload_size,
				     unsigned int n)
{
	struct spool_rings *rings = calloc(1, sizeof(*rings) + n * sizeof(rings->rings[0]));

	if (!rings)
		return NULL;
	rings->fs = fs;
	rings->fd = fd;
	rings->payload_size = payload_size;
	rings->n = n;
	rings->n_first = n_first_of(rings);
	spool_mutex_init(&rings->lock);
	spool_cond_init(&rings->changed);
	for (unsigned int i = 0; i < n; i++) {
		rings->rings[i].rings = rings;
		rings->rings[i].cpu = i;
		rings->rings[i].wake = -1;
		spool_turns_init(&rings->rings[i].ready);
		SLIST_INIT(&rings->rings[i].returned);
		spool_mutex_init(&rings->rings[i].lock);
	}
	return rings;
}

int spool_rings_prepare(struct spool_fs *fs, int fd, size_t max_write, struct spool_rings **ret,
			char why[128])
{
	int n = get_nprocs_conf(); /* the kernel wants a queue for each CPU that can ever be */
	struct spool_rings *rings;
	const char *where;
	int r;

	if (n > UINT16_MAX) {
		snprintf(why, 128, "%d CPUs (allowed: %d)", n, UINT16_MAX);
		return -E2BIG;
	}
	rings = new_rings(fs, fd, max_write, (unsigned int)n);
	if (!rings || ring_kicker_new(rings, &rings->kicker) < 0 ||
	    ring_guard_new(rings, &rings->guard) < 0) {
		spool_rings_stop(rings);
		snprintf(why, 128, "out of memory");
		return -ENOMEM;
	}
	r = start_threads(rings, &where);
	if (r < 0) {
		snprintf(why, 128, "%s: %s%s", where, strerror(-r),
			 r == -EPERM ? " (a seccomp filter, or kernel.io_uring_disabled)" : "");
		spool_rings_stop(rings);
		return r;
	}
	*ret = rings;
	return 0;
}

int spool_rings_start(struct spool_rings *rings, char why[128])
{
	unsigned int pinned = 0;
	int r;

	/* before they serve: a request may ask for it */
	for (unsigned int i = 0; i < rings->n; i++)
		pinned += rings->rings[i].pinned;
	snprintf(why, 128, "%u rings of %u entries at first, %u of them pinned to their CPU",
		 rings->n, rings->n_first, pinned);
	r = go_on(rings, RING_GO, rings->n);
	if (r < 0)
		snprintf(why, 128, "%s: %s", rings->error_at, strerror(-r));
	return r;
}

void spool_rings_stop(struct spool_rings *rings)
{
	if (!rings)
		return;
	atomic_store(&rings->stop, true);
	go_on(rings, RING_GIVE_UP, 0);
	for (unsigned int i = 0; i < rings->n; i++) {
		struct spool_ring *ring = &rings->rings[i];

		if (!ring->has_thread)
			continue;
		if (ring->wake >= 0)
			eventfd_write(ring->wake, 1);
		pthread_join(ring->thread, NULL);
	}
	ring_guard_free(rings->guard);
	ring_kicker_free(rings->kicker);
	for (unsigned int i = 0; i < rings->n; i++) {
		struct spool_ring *ring = &rings->rings[i];

		ring_free_blocks(ring);
		spool_close(ring->wake);
		spool_mutex_fini(&ring->lock);
	}
	spool_cond_fini(&rings->changed);
	spool_mutex_fini(&rings->lock);
	free(rings);
}

unsigned int spool_rings_threads(const struct spool_rings *rings)
{
	return rings->n;
}

bool spool_rings_entry_count(const struct spool_rings *rings, unsigned int i, unsigned int *ret_all,
			     unsigned int *ret_deferred)
{
	if (i >= rings->n)
		return false;
	*ret_all = atomic_load(&rings->rings[i].alive);
	*ret_deferred = atomic_load(&rings->rings[i].n_deferred);
	return true;
}

unsigned int spool_rings_entries(const struct spool_rings *rings, unsigned int *ret_deferred)
{
	unsigned int n = 0;

	*ret_deferred = 0;
	for (unsigned int i = 0; i < rings->n; i++) {
		n += atomic_load(&rings->rings[i].alive);
		*ret_deferred += atomic_load(&rings->rings[i].n_deferred);
	}
	return n;
}
