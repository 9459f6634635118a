/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One request of the kernel: what it says of itself, and what has to be changed before libfuse can
 * read it.
 *
 * FUSE_TMPFILE (O_TMPFILE; Linux 6.1, protocol 7.37) is unknown to libfuse before 3.17. It carries
 * what FUSE_CREATE carries, with the name "/" that the VFS gives to unnamed files and that no path
 * can contain; so it becomes a FUSE_CREATE, and the create handler knows it by its name. What -o
 * mask= hides is taken out of the kernel's offer in FUSE_INIT, or answered as an old libfuse would:
 * not known.
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

struct spool_engine;
struct spool_ring_entry;
struct spool_waiting_payer;

#define SPOOL_TMPFILE_NAME "/" /* what create() is called with for O_TMPFILE */

TAILQ_HEAD(spool_request_list, spool_request);

/** What a request that is put aside waits for: for_release.h, for_ram.h, for_disk.h, notify.h,
 * for_spill.h */
enum spool_wait {
	SPOOL_WAIT_RELEASE,
	SPOOL_WAIT_RAM,
	SPOOL_WAIT_DISK,
	SPOOL_WAIT_NOTIFY,
	SPOOL_WAIT_SPILL,
	SPOOL_WAIT_N,
};

/** What the kernel is to be told to drop before a request is answered, see notify.h; and whether it
 * was, or the limit has passed before */
enum spool_tell { SPOOL_TELL_ATTRS, SPOOL_TELL_PAGES };
enum spool_told { SPOOL_TOLD_NOT, SPOOL_TOLD, SPOOL_TOLD_LATE };

/**
 * struct spool_request - one request, from its arrival to its reply
 * @data: the request in one piece, @len bytes; changed in place
 * @payer: the uid that is charged for what it does: the owner of a subordinate uid; for what the
 *	kernel sends by itself (RELEASE, page-outs), and for root in a user's tree, who pays for the
 *	inode. Turns and bounds go by it (turn.h).
 * @answer: room for the reply's header, which whoever has read the request sends: in a ring's
 *	entry, and of FUSE_INIT; NULL: it goes to /dev/fuse at once
 * @out: beside @answer: room for the reply's payload (@out_size bytes), with @answer_size used
 * @may_wait: the thread that processes it may wait for the disk
 * @last_try: it is to be answered now, however it stands
 * @deferred, @waits_for: by the last attempt: it is not answered
 * @returned: spool_engine_returned() before the last attempt; @n_ram_kicks: spool_for_ram_kicks()
 * @kept: of for_release.h: it counts, and what has no name has been waited for in vain before
 * @again: of for_release.h: room has come since, so it is tried again at once; @n_again: how often
 *	so far
 * @about_ino: by the last attempt: of which file the kernel is to be told @tell first, or which is
 *	to be on the disk first; and @result: what to answer then
 * @told: it is processed again after that
 * @finish: gives a request that was deferred, and is answered, back to where it came from; NULL
 *	while none is needed
 */
struct spool_request {
	void *data;
	size_t len;
	uint64_t unique;
	uint32_t opcode; /* as the kernel sent it */
	uint64_t nodeid;
	uid_t uid;
	pid_t pid;
	uid_t payer;
	bool kill_suidgid; /* drop set-id bits with this request (FUSE_HANDLE_KILLPRIV_V2), or the
			    * set-group-ID bit with an ACL (FUSE_SETXATTR_EXT) */
	bool answered;
	bool tried;  /* and counted */
	bool waited; /* of for_ram.h */
	bool kept;
	bool again;
	bool may_wait;
	bool last_try;
	bool deferred;
	enum spool_wait waits_for;
	unsigned int n_again;
	uint64_t returned, n_ram_kicks;
	time_t since; /* of for_ram.h, CLOCK_MONOTONIC in s */
	enum spool_tell tell;
	enum spool_told told;
	uint64_t about_ino, about_off, about_len; /* pages: a length of 0 is to the end */
	uint64_t until_ms;                        /* of notify.h and for_spill.h, CLOCK_MONOTONIC */
	uint64_t ask_id;                          /* of for_spill.h */
	ssize_t result;
	uint64_t deadline; /* of for_release.h, CLOCK_MONOTONIC in ns; 0 = has no place there */
	uint64_t ends;     /* of for_release.h, too; 0 = never had one */
	struct spool_ring_entry *entry; /* NULL: came from /dev/fuse */
	void *out;
	size_t out_size;
	char *answer;
	uint32_t answer_size;
	void (*finish)(struct spool_request *request);
	struct spool_waiting_payer *payer_waits; /* this and the next three: of waiting.h */
	enum spool_wait counted_as;
	size_t counted_data;
	bool drops_data; /* it waits without its data, and cannot be tried again */
	TAILQ_ENTRY(spool_request) link;
	struct spool_request_list behind; /* of turn.h */
};

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

/**
 * spool_request_answer() - put a reply into the room that its request has for it
 * The first of @iov is the header. What is in place already (data read straight into it) stays.
 * Return: bytes; -EIO it does not fit (then the answer is that error).
 */
ssize_t spool_request_answer(struct spool_request *request, const struct iovec *iov, int count);
