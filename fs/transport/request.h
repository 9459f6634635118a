/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One request of the kernel: what it says of itself, and what has to be changed before libfuse can
 * read it.
 *
 * FUSE_TMPFILE (O_TMPFILE; Linux 6.1, protocol 7.37) is unknown to libfuse before 3.17. It carries
 * what FUSE_CREATE carries, with the name "/" that the VFS gives to unnamed files and that no path
 * can contain; so it becomes a FUSE_CREATE, and the create handler knows it by its name. What
 * SPOOLFS_MASK hides is taken out of the kernel's offer in FUSE_INIT, or answered as an old libfuse
 * would: not known.
 *
 * With an ACL the kernel says whether the set-group-ID bit goes, in a longer fuse_setxattr_in
 * (protocol 7.33) that libfuse does not know: it gets the short one.
 *
 * Only the request's own header, FUSE_INIT's flags and that form of FUSE_SETXATTR are ever changed,
 * and only when the request is long enough to have them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "util/macros.h"
#include "util/turn.h"

struct spool_engine;
struct spool_ring_entry;
struct spool_waiting_payer;
struct spool_waitq;

#define SPOOL_TMPFILE_NAME "/" /* what create() is called with for O_TMPFILE */

TAILQ_HEAD(spool_request_list, spool_request);

/** What the kernel is to be told to drop: of an inode, what it knows of the entries of a directory
 * (expire.h), or names that we have removed (removals.h), for which two no request waits. See
 * notify.h; and whether it was told before a request is answered, or the limit has passed before */
enum spool_tell { SPOOL_TELL_ATTRS, SPOOL_TELL_PAGES, SPOOL_TELL_NAMES, SPOOL_TELL_ENTRIES };
enum spool_told { SPOOL_TOLD_NOT, SPOOL_TOLD, SPOOL_TOLD_LATE };

/** Who has a request: a thread, in whose hand it is; the queue that it was deferred to; or again
 * whoever has read it */
enum spool_request_state { SPOOL_REQUEST_IN_HAND, SPOOL_REQUEST_WAITS, SPOOL_REQUEST_FINISHED };

/**
 * struct spool_first - what is to happen before a request is answered
 * Of the handler, until it has said that the request waits for it; then of the queue that it waits
 * in; then of the handler again.
 * @done: all that it asks for has been done, and nothing but this is left: it cannot be given up
 * @tell, @off, @len: of notify.h: what the kernel is to drop of file @ino; pages: a length of 0 is
 *	to the end. Of for_spill.h: @ino is to be on the disk
 * @result: what to answer then, or what has become of it
 * @told: whether it has happened; the handler runs again after that
 */
struct spool_first {
	enum spool_tell tell;
	enum spool_told told;
	bool done;
	uint64_t ino, off, len;
	ssize_t result;
};

/**
 * struct spool_release_part - of for_release.h, and nobody else's
 * @returned: spool_engine_returned() before the last attempt
 * @deadline: CLOCK_MONOTONIC in ns; 0 = it has no place there; @ends: likewise, 0 = never had one
 * @again: room has come since the attempt began, so it is tried again at once; @n_again: how often
 *	so far
 * @counts: it counts what is free; @kept: and as many orphans have been waited for in vain before
 */
struct spool_release_part {
	uint64_t returned, deadline, ends;
	unsigned int n_again;
	bool again, counts, kept;
};

/**
 * struct spool_ram_part - of for_ram.h, and nobody else's
 * @n_kicks: of the queue, before the last attempt; @since: CLOCK_MONOTONIC in s
 * @waited: it has been there; handlers may look; @signal: its caller had one by then, and lived
 */
struct spool_ram_part {
	uint64_t n_kicks;
	time_t since;
	bool waited, signal;
};

/**
 * struct spool_write_part - of op_write() (ops/file.c); channel.h answers with it
 * @done: bytes that were written before it had to wait: they are not written again, as a write may
 *	be larger than all the RAM that it waits for; @bits: the set-id bits that the file had then
 */
struct spool_write_part {
	size_t done;
	mode_t bits;
};

/** struct spool_notify_part - of notify.h, and nobody else's; CLOCK_MONOTONIC */
struct spool_notify_part {
	uint64_t until_ms;
};

/** struct spool_spill_part - of for_spill.h, and nobody else's; CLOCK_MONOTONIC */
struct spool_spill_part {
	uint64_t until_ms, id;
};

/**
 * struct spool_session_part - of ops/maker.h; channel.h gives it back with the answer
 * @asked: @id is known, and stays: who has asked may have ended when the handler runs again, and
 *	the session must not before the entry is in it; 0: none
 */
struct spool_session_part {
	bool asked;
	uint64_t id;
};

/**
 * struct spool_waiting_part - of waiting.h, and nobody else's
 * @since_ms: CLOCK_MONOTONIC; @number: of all that have come to wait for something; @attempts: at
 *	it, when it came or was deferred again
 * @counted_as: the number of the queue that it waits in
 * @drops_data: it waits without its data, and cannot be tried again; all may look
 */
struct spool_waiting_part {
	struct spool_waiting_payer *payer;
	unsigned int counted_as;
	TAILQ_ENTRY(spool_request) by_age;
	uint64_t since_ms, number;
	unsigned int attempts;
	size_t data;
	bool drops_data;
};

/**
 * struct spool_request - one request, from its arrival to its reply
 *
 * Of whoever has read it from the kernel, and not changed afterwards but by the functions below:
 * @data: the request in one piece, @len bytes; changed in place
 * @opcode: as the kernel sent it
 * @payer: the uid that is charged for what it does: the owner of a subordinate uid; for what the
 *	kernel sends by itself (RELEASE, page-outs), and for root in a user's tree, who pays for the
 *	inode. Turns and bounds go by it (turn.h).
 * @kill_suidgid: set-id bits are to be dropped (FUSE_HANDLE_KILLPRIV_V2), or with an ACL the
 *	set-group-ID bit (FUSE_SETXATTR_EXT)
 * @entry: of a ring; NULL: it came from /dev/fuse
 * @answer: room for the reply's header, which whoever has read the request sends: in a ring's
 *	entry, and of FUSE_INIT; NULL: it goes to /dev/fuse at once
 * @out: beside @answer: room for the reply's payload (@out_size bytes), with @answer_size used
 * @finish: gives a request that was deferred, and is answered, back to where it came from; NULL
 *	while none is needed
 *
 * Of channel.h:
 * @attempts: how often its handler was run, with the one that runs
 * @may_wait: the thread that processes it may wait for the disk
 * @last_try: it is to be answered now, however it stands
 * @waitq: the last attempt has not answered it: it is deferred to this queue (waitq.h); else NULL
 * @refused: the error that no queue wants, as the last attempt's handler was told; else 0
 * @replied: the last attempt's handler has answered; whether that went out is in @answered
 *
 * Of those that their types name: @first and all below; @link and @turn: of the queue that it waits
 * in, or of the ring.
 */
struct spool_request {
	void *data;
	size_t len;
	uint64_t unique;
	uint32_t opcode;
	uint64_t nodeid;
	uid_t uid;
	pid_t pid;
	uid_t payer;
	bool kill_suidgid;
	struct spool_ring_entry *entry;
	void *out;
	size_t out_size;
	char *answer;
	uint32_t answer_size;
	void (*finish)(struct spool_request *request);

	enum spool_request_state state;
	bool answered;
	unsigned int attempts;
	bool may_wait;
	bool last_try;
	struct spool_waitq *waitq;
	int refused;
	bool replied;

	struct spool_first first;
	struct spool_release_part release;
	struct spool_ram_part ram;
	struct spool_write_part write;
	struct spool_notify_part notify;
	struct spool_spill_part spill;
	struct spool_waiting_part waiting;
	struct spool_session_part session;
	TAILQ_ENTRY(spool_request) link;
	struct spool_turn turn;
};

/** spool_request_of() - whose turn it is. NULL: NULL. */
static inline struct spool_request *spool_request_of(struct spool_turn *turn)
{
	return turn ? spool_container_of(turn, struct spool_request, turn) : NULL;
}

/** spool_request_waits_in() - has @queue got @request, which is not answered? For assertions. */
static inline bool spool_request_waits_in(const struct spool_request *request,
					  const struct spool_waitq *queue)
{
	return request->state == SPOOL_REQUEST_WAITS && request->waitq == queue &&
	       !request->answered;
}

/** spool_request_is_short_read() - is @request, which is parsed, a READ of at most 16 KiB? */
bool spool_request_is_short_read(const struct spool_request *request);

/** spool_request_has_no_answer() - does nobody wait for an answer of @request? For assertions. */
bool spool_request_has_no_answer(const struct spool_request *request);

/**
 * spool_request_rewrite() - mend one request of @len bytes in place
 * @mask: enum spool_feature
 */
void spool_request_rewrite(void *request, size_t len, unsigned int mask);

/**
 * spool_request_parse() - fill in what @request says of itself, from data and len
 * Return: false when it is shorter than a header, or not as long as its header says.
 */
bool spool_request_parse(struct spool_request *request);

/** spool_request_set_payer() - find out who pays for a parsed @request. No locks but short ones. */
void spool_request_set_payer(struct spool_engine *engine, struct spool_request *request);

/**
 * spool_request_shorten_setxattr() - makes a FUSE_SETXATTR of the longer form one of the short form
 * What the longer one says more goes to @request->kill_suidgid. One that is too short for it is
 * left to libfuse, as are other requests. To be called once for a request.
 */
void spool_request_shorten_setxattr(struct spool_request *request);

/** spool_request_set_answered() - the answer of @request goes out: the only one. */
void spool_request_set_answered(struct spool_request *request);

/**
 * spool_request_answer() - put a reply into the room that its request has for it
 * The first of @iov is the header. What is in place already (data read straight into it) stays.
 * Return: bytes; -EIO it does not fit (then the answer is that error).
 */
ssize_t spool_request_answer(struct spool_request *request, const struct iovec *iov, int count);
