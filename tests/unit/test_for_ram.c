/* SPDX-License-Identifier: MIT */

/*
 * Requests that wait for RAM and need the disk as well: who serves all others never waits for it.
 * Handlers of our own say what a write meets; all else is as in the daemon.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "channel_rig.h"
#include "transport/channel.h"
#include "wait/for_disk.h"
#include "wait/for_release.h"
#include "ops/reply.h"
#include "wait/for_ram.h"
#include "wait/notify.h"
#include "util/macros.h"
#include "transport/waiting.h"
#include "security/witness.h"
#include "transport/waitq.h"
#include "transport/wire.h"

enum { RAM_ONLY = 1, ON_DISK, FULL_FIRST }; /* inodes: what a write to it needs */

#define SLOW 2 /* the pid of one of them */

#define WAITING_MAX_OF_PAYER 8192u /* as in fs/transport/waiting.c */

static struct engine_rig rig;
static struct spool_fs fs;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int room, frozen, n_reads, n_refused, n_done; /* lock */
static unsigned int n_living, n_dying; /* lock: callers with signals that were asked about */
static bool is_dying;                  /* lock: SLOW is about to end */

/* A request as the kernel sends it, and what becomes of it. */
struct write_request {
	struct spool_request message;
	struct {
		struct fuse_in_header header;
		struct fuse_write_in in;
		char data[8];
	} wire;
	struct fuse_out_header out;
	bool done;
};

/* Meets the disk first, which stays frozen for a while, and then finds room or none. */
static void on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	unsigned int flags = reply_wait_flags(req);
	int r = (int)size;

	(void)buf;
	(void)off;
	(void)fi;
	pthread_mutex_lock(&lock);
	if (ino == FULL_FIRST && n_refused++ == 0) {
		r = -ENOSPC;
	} else if (ino != RAM_ONLY && (flags & SPOOL_NOWAIT_DISK)) {
		r = SPOOL_WOULD_BLOCK;
	} else if (ino != RAM_ONLY) {
		n_reads++;
		pthread_cond_broadcast(&changed);
		while (frozen)
			pthread_cond_wait(&changed, &lock);
	}
	if (r > 0 && room == 0) {
		n_refused++;
		r = flags & SPOOL_LAST_TRY ? -ENOSPC : -EAGAIN;
	} else if (r > 0) {
		room--;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	reply_written(req, r);
}

static void finish(struct spool_request *message)
{
	struct write_request *request = spool_container_of(message, struct write_request, message);

	pthread_mutex_lock(&lock);
	request->done = true;
	n_done++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const unsigned int *what, unsigned int n)
{
	pthread_mutex_lock(&lock);
	while (*what < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void start(void)
{
	static const struct fuse_lowlevel_ops ops = {.write = on_write};

	room = frozen = n_reads = n_refused = n_done = n_living = n_dying = 0;
	is_dying = false;
	channel_rig_init(&fs, &rig, &ops);
	CU_ASSERT_EQUAL_FATAL(spool_for_disk_new(&fs, NULL, &fs.for_disk), 0);
	spool_waitqs_add(&fs, spool_for_disk_waitq(fs.for_disk));
	CU_ASSERT_EQUAL_FATAL(spool_for_ram_new(&fs, &fs.for_ram), 0);
	spool_waitqs_add(&fs, spool_for_ram_waitq(fs.for_ram));
}

static void end(void)
{
	spool_for_ram_stop(fs.for_ram);
	spool_for_disk_stop(fs.for_disk);
	spool_for_disk_free(fs.for_disk);
	spool_for_ram_free(fs.for_ram);
	channel_rig_fini(&fs, &rig);
}

static void make(struct write_request *request, uint64_t ino, uid_t payer)
{
	static uint64_t unique = 2;

	memset(request, 0, sizeof(*request));
	request->wire.header = (struct fuse_in_header){.len = sizeof(request->wire),
						       .opcode = FUSE_WRITE,
						       .unique = unique += 2,
						       .nodeid = ino,
						       .uid = payer,
						       .pid = 1};
	request->wire.in.size = sizeof(request->wire.data);
	request->message.data = &request->wire;
	request->message.len = sizeof(request->wire);
	request->message.finish = finish;
	CU_ASSERT_TRUE_FATAL(spool_request_parse(&request->message));
}

/* As a thread that takes requests from the kernel. */
static void take(struct write_request *request, uint64_t ino, uid_t payer)
{
	make(request, ino, payer);
	spool_channel_process(&fs, &request->message, SPOOL_TRY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(request->message.waitq);
	spool_channel_defer(&request->message);
}

static void give_room(unsigned int n)
{
	pthread_mutex_lock(&lock);
	room += n;
	pthread_mutex_unlock(&lock);
	spool_for_ram_kick(fs.for_ram);
}

static void freeze(bool on)
{
	pthread_mutex_lock(&lock);
	frozen = on;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* One has been at the disk and found no room. While he is there again, another's gets what comes.
 */
static void the_disk_is_waited_for_elsewhere(void)
{
	struct write_request slow, other;

	start();
	take(&slow, ON_DISK, 1000);
	wait_for(&n_refused, 2); /* as it came, and when it arrived among those who wait */
	take(&other, RAM_ONLY, 1001);
	wait_for(&n_refused, 4); /* likewise */
	freeze(true);
	give_room(2);
	wait_for(&n_done, 1);
	CU_ASSERT_TRUE(other.done);
	wait_for(&n_reads, 3);
	CU_ASSERT_FALSE(slow.done);
	freeze(false);
	wait_for(&n_done, 2);
	end();
}

/* The witness: the lock is not held. */
bool __wrap_spool_witness_is_dying(struct spool_witness *witness, pid_t pid);

bool __wrap_spool_witness_is_dying(struct spool_witness *witness, pid_t pid)
{
	bool dies;

	(void)witness;
	pthread_mutex_lock(&lock);
	dies = pid == SLOW && is_dying;
	if (dies)
		n_dying++;
	else
		n_living++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return dies;
}

/* To the disk, where it is looked for in vain, and back without room. */
static void go_to_the_disk(void)
{
	unsigned int n;

	freeze(true);
	n = n_reads;
	spool_for_ram_kick(fs.for_ram);
	wait_for(&n_reads, n + 1);
	pthread_mutex_lock(&lock);
	n = n_living;
	pthread_mutex_unlock(&lock);
	wait_for(&n_living, n + 1); /* the other one, who comes behind it */
	pthread_mutex_lock(&lock);
	n = n_refused;
	pthread_mutex_unlock(&lock);
	freeze(false);
	wait_for(&n_refused, n + 1);
}

/* His first signal did not end him, and the kernel tells of no other. */
static void who_is_killed_is_let_go(void)
{
	struct write_request slow, other;

	start();
	take(&slow, ON_DISK, 1000);
	slow.message.pid = SLOW;
	take(&other, RAM_ONLY, 1001);
	wait_for(&n_refused, 4); /* both, as they came and when they arrived */
	spool_waitqs_interrupt(&fs, slow.message.unique);
	wait_for(&n_living, 1);
	spool_waitqs_interrupt(&fs, other.message.unique);
	wait_for(&n_living, 2);
	go_to_the_disk();
	go_to_the_disk();
	pthread_mutex_lock(&lock);
	is_dying = true;
	pthread_mutex_unlock(&lock);
	wait_for(&n_done, 1);
	CU_ASSERT_TRUE(slow.done);
	CU_ASSERT_FALSE(other.done);
	CU_ASSERT_TRUE(n_dying > 0); /* not because he has waited so long */
	end();
}

/* When there is room all of a payer's get their turn, though only the first is tried at once. */
static void all_get_their_turn(void)
{
	struct write_request requests[3];

	start();
	for (unsigned int i = 0; i < 3; i++)
		take(&requests[i], ON_DISK, 1000);
	wait_for(&n_refused, 3);
	give_room(3);
	wait_for(&n_done, 3);
	end();
}

/* As many as may wait of one payer do. One more is answered at once, though it come to the disk:
 * who takes requests does not wait for that. */
static void one_too_many(void)
{
	static struct spool_request others[WAITING_MAX_OF_PAYER];
	struct write_request request;
	uint64_t ino;

	start();
	CU_ASSERT_EQUAL_FATAL(spool_for_release_new(&fs, &fs.for_release), 0);
	spool_waitqs_add(&fs, spool_for_release_waitq(fs.for_release));
	CU_ASSERT_EQUAL_FATAL(spool_waiting_new(&fs, &fs.waiting), 0);
	for (unsigned int i = 0; i < WAITING_MAX_OF_PAYER; i++) {
		others[i] = (struct spool_request){
			.pid = 1, .payer = 1000, .waitq = spool_for_disk_waitq(fs.for_disk)};
		CU_ASSERT_TRUE(spool_waiting_enter(fs.waiting, &others[i]));
	}
	ino = rig_file(&rig, SPOOL_INO_ROOT, "f"); /* it is about to go, so it is worth waiting */
	CU_ASSERT_EQUAL(spool_engine_unlink(rig.engine, &rig.cred, SPOOL_INO_ROOT, "f"), 0);
	freeze(true);
	make(&request, FULL_FIRST, 1000);
	spool_channel_process(&fs, &request.message, SPOOL_TRY);
	CU_ASSERT_PTR_NULL(request.message.waitq);
	CU_ASSERT_TRUE(request.message.answered);
	CU_ASSERT_EQUAL(n_refused, 2);
	freeze(false);
	spool_engine_forget(rig.engine, ino, 1);
	for (unsigned int i = 0; i < WAITING_MAX_OF_PAYER; i++)
		spool_waiting_leave(fs.waiting, &others[i]);
	spool_for_release_stop(fs.for_release);
	end();
	spool_for_release_free(fs.for_release);
	spool_waiting_free(fs.waiting);
}

/* One that has waited without its data is answered with what was written of it before. */
static void what_was_written_counts(void)
{
	struct fuse_write_out out = {0};
	struct write_request request;

	start();
	for (unsigned int written = 0; written <= 5; written += 5) {
		make(&request, RAM_ONLY, 1000);
		request.message.answer = (char *)&request.out;
		request.message.out = &out;
		request.message.out_size = sizeof(out);
		request.message.waiting.drops_data = true;
		request.message.write.done = written;
		spool_channel_process(&fs, &request.message, SPOOL_TRY);
		CU_ASSERT_TRUE(request.message.answered);
		CU_ASSERT_EQUAL(request.out.error, written ? 0 : -EINTR);
		CU_ASSERT_EQUAL(out.size, written);
	}
	end();
}

/* It is cut short, but what was written has cleared set-id bits: the kernel is told before. Not
 * when it cannot wait for that. */
static void what_was_cleared_is_told(void)
{
	const struct spool_notify_config config = {.tell = channel_rig_tell_nobody};
	struct fuse_write_out out = {0};
	struct write_request request;

	start();
	CU_ASSERT_EQUAL_FATAL(spool_notify_new(&config, &fs.notify), 0);
	spool_waitqs_add(&fs, spool_notify_waitq(fs.notify));
	for (unsigned int last = 0; last <= 1; last++) {
		make(&request, RAM_ONLY, 1000);
		request.message.answer = (char *)&request.out;
		request.message.out = &out;
		request.message.out_size = sizeof(out);
		request.message.waiting.drops_data = true;
		request.message.write = (struct spool_write_part){.done = 5, .bits = S_ISUID};
		if (!last) {
			spool_channel_process(&fs, &request.message, SPOOL_TRY);
			CU_ASSERT_FALSE(request.message.answered);
			CU_ASSERT_PTR_EQUAL(request.message.waitq, spool_notify_waitq(fs.notify));
			CU_ASSERT_EQUAL(request.message.first.ino, RAM_ONLY);
			CU_ASSERT_EQUAL(request.message.first.tell, SPOOL_TELL_ATTRS);
			request.message.first.told = SPOOL_TOLD;
		}
		spool_channel_process(&fs, &request.message,
				      last ? SPOOL_TRY_LAST | SPOOL_TRY_BLOCK : SPOOL_TRY);
		CU_ASSERT_TRUE(request.message.answered);
		CU_ASSERT_PTR_NULL(request.message.waitq);
		CU_ASSERT_EQUAL(request.out.error, 0);
		CU_ASSERT_EQUAL(out.size, 5);
	}
	spool_notify_stop(fs.notify);
	CU_ASSERT_TRUE_FATAL(spool_notify_end(fs.notify, 60000));
	spool_notify_free(fs.notify);
	end();
}

/* At the end all are answered, whatever they need. */
static void the_end(void)
{
	struct write_request requests[2];

	start();
	take(&requests[0], ON_DISK, 1000);
	take(&requests[1], RAM_ONLY, 1001);
	wait_for(&n_refused, 2);
	end();
	CU_ASSERT_EQUAL(n_done, 2);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"the disk is waited for elsewhere", the_disk_is_waited_for_elsewhere},
		{"who is killed is let go", who_is_killed_is_let_go},
		{"all get their turn", all_get_their_turn},
		{"one too many", one_too_many},
		{"what was written counts", what_was_written_counts},
		{"what was cleared is told", what_was_cleared_is_told},
		{"the end", the_end},
	};

	return unit_run("for_ram", tests, sizeof(tests) / sizeof(tests[0]));
}
