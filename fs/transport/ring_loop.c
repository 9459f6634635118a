/* SPDX-License-Identifier: MIT */
#include "transport/ring_internal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs.h"
#include "transport/channel.h"
#include "host/pulse.h"
#include "util/macros.h"

/* After this long without a request what the payloads have touched is given back, but for the
 * first bytes, which most requests need. Guesses. */
#define IDLE_S 2
#define IDLE_KEEP (16u << 10)

#define WAKE_DATA 0 /* user data of the wake-up's poll; entries' is their address */
#define FUSE_FILE 0 /* /dev/fuse among the ring's registered files */

static struct io_uring_sqe *next_sqe(struct spool_ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe) { /* more entries than the first have come back at the same time */
		io_uring_submit(&ring->uring);
		sqe = io_uring_get_sqe(&ring->uring);
	}
	return sqe;
}

static void prepare_command(struct spool_ring *ring, struct spool_ring_entry *entry, uint32_t op,
			    const struct iovec *iov, unsigned int n_iov)
{
	const struct spool_wire_uring_cmd command = {.commit_id = entry->commit_id,
						     .qid = (uint16_t)ring->cpu};
	struct io_uring_sqe *sqe = next_sqe(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, FUSE_FILE, iov, n_iov, 0);
	sqe->cmd_op = op;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, entry);
	memcpy(sqe->cmd, &command, sizeof(command));
	entry->is_free = true;
}

static void prepare_wake(struct spool_ring *ring)
{
	struct io_uring_sqe *sqe = next_sqe(ring);

	io_uring_prep_poll_add(sqe, ring->wake, POLLIN);
	io_uring_sqe_set_data64(sqe, WAKE_DATA);
}

/* Return: 0: it was handed over; -errno. */
static int register_entry(struct spool_ring *ring, struct spool_ring_entry *entry)
{
	const struct iovec iov[] = {
		{.iov_base = entry->header, .iov_len = sizeof(*entry->header)},
		{.iov_base = entry->payload, .iov_len = ring->rings->payload_size},
	};
	int r;

	prepare_command(ring, entry, SPOOL_WIRE_URING_REGISTER, iov, SPOOL_ARRAY_SIZE(iov));
	r = io_uring_submit(&ring->uring); /* @iov is read here */
	if (r < 0)
		return r;
	ring->alive++;
	return 0;
}

static void lose_entry(struct spool_ring *ring, struct spool_ring_entry *entry)
{
	entry->is_free = false;
	ring->alive--;
}

/* Refused ones are completed at once, before io_uring_submit() returns; the others with their first
 * request. */
int ring_register(struct spool_ring *ring)
{
	const struct ring_block *block = &ring->blocks[0];
	struct io_uring_cqe *cqe;
	int r, error = -EIO;

	for (unsigned int i = 0; i < block->n; i++) {
		struct spool_ring_entry *entry = &block->entries[i];

		r = register_entry(ring, entry);
		if (r < 0)
			return r;
		if (io_uring_peek_cqe(&ring->uring, &cqe) == 0 && cqe->res < 0 &&
		    io_uring_cqe_get_data(cqe) == entry) {
			error = cqe->res;
			io_uring_cqe_seen(&ring->uring, cqe);
			lose_entry(ring, entry);
			break;
		}
	}
	return ring->alive > 0 ? 0 : error;
}

/* However many entries deferred requests hold, a new request must find one. */
static void grow(struct spool_ring *ring)
{
	unsigned int n = (unsigned int)spool_min_u64(ring->n_entries, RING_GROWTH_MAX);
	int r;

	if (ring->alive - ring->n_deferred >= ring->rings->n_first / 2 || ring->is_full)
		return;
	ring->may_queue = true;
	ring->used_more = true;
	r = ring_add_block(ring, n);
	for (unsigned int i = 0; i < n && r == 0; i++)
		r = register_entry(ring, &ring->blocks[ring->n_blocks - 1].entries[i]);
	if (r < 0) {
		ring->is_full = true;
		spool_log(ring->rings->fs->log, SPOOL_LOG_WARNING,
			  "ring %u: stays at %u entries: %s", ring->cpu, ring->alive, strerror(-r));
	}
}

static void commit(struct spool_ring *ring, struct spool_ring_entry *entry)
{
	struct spool_request *request = &entry->request;

	assert(request->state != SPOOL_REQUEST_WAITS && !entry->deferred && !entry->is_free);
	if (!request->answered) { /* no handler may do that */
		struct fuse_out_header header = {
			.len = sizeof(header), .error = -EIO, .unique = request->unique};
		struct iovec iov = {.iov_base = &header, .iov_len = sizeof(header)};

		spool_request_answer(request, &iov, 1);
	}
	entry->header->ent.payload_size = request->answer_size;
	if (request->answer_size > ring->touched)
		ring->touched = request->answer_size;
	prepare_command(ring, entry, SPOOL_WIRE_URING_COMMIT_AND_FETCH, NULL, 0);
}

/* From the thread that has answered a deferred request. */
static void come_back(struct spool_request *request)
{
	struct spool_ring_entry *entry = request->entry;
	struct spool_ring *ring = entry->ring;

	assert(request->state == SPOOL_REQUEST_FINISHED && entry->deferred);
	spool_mutex_lock(&ring->lock, SPOOL_RANK_QUEUE);
	SLIST_INSERT_HEAD(&ring->returned, entry, link);
	spool_mutex_unlock(&ring->lock);
	eventfd_write(ring->wake,
		      1); /* fails only when the counter is at its end, so it is readable */
}

/* Puts the pieces of a request together. Return: false when they do not fit together. */
static bool assemble(struct spool_ring *ring, struct spool_ring_entry *entry)
{
	const struct spool_wire_uring_header *wire = entry->header;
	struct fuse_in_header header;
	size_t payload = wire->ent.payload_size, op_size;

	memcpy(&header, wire->in_out, sizeof(header));
	entry->commit_id = wire->ent.commit_id;
	entry->request = (struct spool_request){
		.unique = header.unique,
		.opcode = header.opcode,
		.entry = entry,
		.out = entry->payload,
		.out_size = ring->rings->payload_size,
		.answer = entry->header->in_out,
		.finish = come_back,
	};
	if (payload > ring->touched)
		ring->touched = payload;
	if (payload > ring->rings->payload_size || header.len < sizeof(header) + payload)
		return false;
	op_size = header.len - sizeof(header) - payload;
	/* libfuse reads the structures in place, and all of them are made of 8-byte words */
	if (op_size > sizeof(wire->op_in) || op_size % sizeof(uint64_t) != 0)
		return false;
	entry->request.data = entry->payload - op_size - sizeof(header);
	entry->request.len = header.len;
	memcpy(entry->request.data, &header, sizeof(header));
	memcpy(entry->payload - op_size, wire->op_in, op_size);
	return spool_request_parse(&entry->request);
}

static void take_request(struct spool_ring *ring, struct spool_request *request)
{
	struct spool_fs *fs = ring->rings->fs;

	spool_channel_process(fs, request, SPOOL_TRY);
	if (request->waitq) {
		if (request->waiting.drops_data)
			madvise(request->entry->payload, ring->rings->payload_size, MADV_DONTNEED);
		request->entry->deferred = true;
		ring->n_deferred++;
		spool_channel_defer(request);
	} else {
		commit(ring, request->entry);
	}
}

static void take_returned(struct spool_ring *ring)
{
	struct ring_entry_list list;
	struct spool_ring_entry *entry;
	eventfd_t count;

	eventfd_read(ring->wake, &count);
	spool_mutex_lock(&ring->lock, SPOOL_RANK_QUEUE);
	list = ring->returned;
	SLIST_INIT(&ring->returned);
	spool_mutex_unlock(&ring->lock);
	while ((entry = SLIST_FIRST(&list))) {
		SLIST_REMOVE_HEAD(&list, link);
		entry->deferred = false;
		ring->n_deferred--;
		commit(ring, entry);
	}
	prepare_wake(ring);
}

/* One of our own, for @kicked, which is this ring wherever the kernel goes by CPUs. Its commit
 * takes the next request that waits, if any does: then the entry is completed before
 * io_uring_submit() returns. */
static void take_kick(struct spool_ring *ring, struct spool_ring_entry *entry,
		      struct spool_ring *kicked)
{
	assemble(ring, entry); /* so that it can be answered: with an error, which nobody sees */
	commit(ring, entry);
	io_uring_submit(&ring->uring);
	ring->may_queue = false;
	ring->kick = entry;
	atomic_store(&kicked->kicked, false);
}

/* The kernel has filled an entry. */
static void add_ready(struct spool_ring *ring, struct spool_ring_entry *entry)
{
	struct spool_fs *fs = ring->rings->fs;
	struct fuse_in_header header;
	struct spool_ring *kicked;

	memcpy(&header, entry->header->in_out, sizeof(header));
	ring->may_queue |= entry == ring->kick;
	kicked = ring_kick_of(ring->rings, &header);
	if (kicked) {
		take_kick(ring, entry, kicked);
	} else if (assemble(ring, entry)) {
		if (header.opcode == FUSE_READ || header.opcode == FUSE_WRITE)
			atomic_store_explicit(&ring->file, header.nodeid, memory_order_relaxed);
		spool_request_set_payer(fs->engine, &entry->request);
		spool_turns_add(&ring->ready, &entry->request.turn, entry->request.payer);
	} else {
		spool_log(fs->log, SPOOL_LOG_WARNING, "ring %u: a request makes no sense (%u)",
			  ring->cpu, entry->request.opcode);
		commit(ring, entry);
	}
}

static void complete(struct spool_ring *ring, uint64_t data, int result)
{
	struct spool_ring_entry *entry = (struct spool_ring_entry *)(uintptr_t)data;

	if (data == WAKE_DATA) {
		take_returned(ring);
		return;
	}
	if (result == 0) {
		entry->is_free = false;
		add_ready(ring, entry);
		return;
	}
	lose_entry(ring, entry); /* the connection is gone, or it was not registered */
	ring->is_full = true;
	if (result != -ENOTCONN && result != -ECONNABORTED && result != -ECANCELED)
		spool_log(ring->rings->fs->log, SPOOL_LOG_WARNING, "ring %u: an entry is lost: %s",
			  ring->cpu, strerror(-result));
}

static void complete_all(struct spool_ring *ring)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		uint64_t data = io_uring_cqe_get_data64(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&ring->uring, cqe);
		complete(ring, data, result);
	}
	ring->kick = NULL;
}

/* Sees to it that there are entries, and that nothing waits in the kernel beside new ones. What
 * waits while there are none is taken by those that are committed. */
static void keep_free(struct spool_ring *ring)
{
	complete_all(ring);
	grow(ring);
	if (ring->may_queue && !atomic_exchange(&ring->kicked, true))
		ring_kick(ring);
}

/* No request is being put into these payloads: with IORING_SETUP_DEFER_TASKRUN the kernel does so
 * only while we wait for completions, and there are none that we have not seen; none is ready. */
static void give_back(struct spool_ring *ring)
{
	size_t size = ring->rings->payload_size;

	for (unsigned int i = 0; i < ring->n_blocks; i++) {
		const struct ring_block *block = &ring->blocks[i];

		/* of those that came later nothing is kept, not even the page of the head */
		for (unsigned int j = 0; j < block->n; j++) {
			struct spool_ring_entry *entry = &block->entries[j];

			if (entry->is_free && i > 0)
				madvise(entry->header, ENTRY_HEAD + size, MADV_DONTNEED);
			else if (entry->is_free && size > IDLE_KEEP)
				madvise(entry->payload + IDLE_KEEP, size - IDLE_KEEP,
					MADV_DONTNEED);
		}
	}
	ring->touched = 0;
	ring->used_more = false;
}

/* Hands over what is prepared and waits. Without anything to give back it waits for ever. */
static void wait_for_requests(struct spool_ring *ring)
{
	struct __kernel_timespec idle = {.tv_sec = IDLE_S};
	struct io_uring_cqe *cqe;

	if (ring->touched <= IDLE_KEEP && !ring->used_more)
		io_uring_submit_and_wait(&ring->uring, 1);
	else if (io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &idle, NULL) == -ETIME &&
		 io_uring_cq_ready(&ring->uring) == 0)
		give_back(ring);
}

/* The kernel does not wait for the end of these, but for some after a failed open. */
static bool is_waited_for(const struct spool_request *request)
{
	return request->opcode != FUSE_RELEASE && request->opcode != FUSE_RELEASEDIR;
}

void ring_serve(struct spool_ring *ring)
{
	struct spool_pulse *pulse = spool_pulse_join(ring->rings->fs->pulses);
	struct spool_request *request;

	ring_way_begin(ring);
	prepare_wake(ring);
	while (ring->alive > 0 && !atomic_load(&ring->rings->stop)) {
		spool_pulse_rest(pulse);
		atomic_store_explicit(&ring->works, false, memory_order_relaxed);
		wait_for_requests(ring);
		atomic_store_explicit(&ring->works, true, memory_order_relaxed);
		spool_pulse_work(pulse);
		keep_free(ring);
		while ((request = spool_request_of(spool_turns_next(&ring->ready)))) {
			take_request(ring, request);
			ring_way_note(ring);
			spool_pulse_work(pulse);
			if (spool_turns_is_empty(&ring->ready))
				break;
			if (!is_waited_for(request))
				continue;
			/* An answer does not wait for the requests behind it, nor does what has
			 * come meanwhile: the kernel hands over some 20 at a time. */
			io_uring_submit_and_get_events(&ring->uring);
			keep_free(ring);
		}
	}
	ring_way_end(ring);
}
