/* SPDX-License-Identifier: MIT */

/*
 * Messages between the kernel and libfuse, as they were seen on Linux 6.18, and as they must never
 * be: too short, too long, lying about their length.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "transport/channel.h"
#include "engine/engine.h"
#include "fs.h"
#include "transport/handshake.h"
#include "options/options.h"
#include "ops/origin.h"
#include "unit.h"
#include "transport/wire.h"

#define UNIQUE 4711u
#define OWNER 1000u

/* The offer of Linux 6.18 in FUSE_INIT's two words. */
#define OFFER_FLAGS 0x73fffffbu
#define OFFER_FLAGS2 0x000003cfu

struct request {
	struct fuse_in_header header;
	union {
		struct fuse_init_in init;
		struct fuse_write_in write;
		struct fuse_setattr_in setattr;
		struct fuse_open_in open;
		struct fuse_create_in create;
		struct fuse_setxattr_in setxattr;
	} arg;
	char rest[8];
};

static struct request new_request(uint32_t opcode, size_t arg_size)
{
	struct request request = {.header = {.len = (uint32_t)(sizeof(request.header) + arg_size),
					     .opcode = opcode,
					     .unique = UNIQUE,
					     .nodeid = 1,
					     .uid = OWNER}};

	return request;
}

static struct spool_request message_of(struct request *request)
{
	return (struct spool_request){.data = request, .len = request->header.len};
}

static void test_parse(void)
{
	struct request request = new_request(FUSE_WRITE, sizeof(request.arg.write));
	struct spool_request message = message_of(&request);

	CU_ASSERT_TRUE(spool_request_parse(&message));
	CU_ASSERT_EQUAL(message.unique, UNIQUE);
	CU_ASSERT_EQUAL(message.opcode, FUSE_WRITE);
	CU_ASSERT_EQUAL(message.uid, OWNER);
	CU_ASSERT_FALSE(message.kill_suidgid);
}

static void test_parse_lengths(void)
{
	struct request request = new_request(FUSE_WRITE, 0);
	struct spool_request message = message_of(&request);

	CU_ASSERT_TRUE(spool_request_parse(&message)); /* a header alone is whole */
	for (size_t len = 0; len < sizeof(request.header); len++) {
		message.len = len;
		CU_ASSERT_FALSE(spool_request_parse(&message));
	}
	message.len = sizeof(request.header) + 1; /* more than it says */
	CU_ASSERT_FALSE(spool_request_parse(&message));
	request.header.len = UINT32_MAX;
	message.len = sizeof(request.header);
	CU_ASSERT_FALSE(spool_request_parse(&message));
}

/* The wish to drop set-id bits stands in another place for each operation, and is not looked for
 * behind the end. */
static void test_kill_suidgid(void)
{
	struct request write = new_request(FUSE_WRITE, sizeof(write.arg.write));
	struct request setattr = new_request(FUSE_SETATTR, sizeof(setattr.arg.setattr));
	struct request open = new_request(FUSE_OPEN, sizeof(open.arg.open));
	struct request *all[] = {&write, &setattr, &open};

	write.arg.write.write_flags = FUSE_WRITE_KILL_SUIDGID;
	setattr.arg.setattr.valid = FATTR_KILL_SUIDGID;
	open.arg.open.open_flags = SPOOL_WIRE_OPEN_KILL_SUIDGID;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct spool_request message = message_of(all[i]);

		CU_ASSERT_TRUE(spool_request_parse(&message));
		CU_ASSERT_TRUE(message.kill_suidgid);
		all[i]->header.len = sizeof(all[i]->header);
		message = message_of(all[i]);
		CU_ASSERT_TRUE(spool_request_parse(&message));
		CU_ASSERT_FALSE(message.kill_suidgid);
	}
}

static void test_tmpfile_is_a_create(void)
{
	struct request request = new_request(FUSE_TMPFILE, sizeof(request.arg.create));
	struct request before = request;

	spool_request_rewrite(&request, request.header.len, 0);
	CU_ASSERT_EQUAL(request.header.opcode, FUSE_CREATE);
	request.header.opcode = FUSE_TMPFILE;
	CU_ASSERT_EQUAL(memcmp(&request, &before, sizeof(request)), 0);
	spool_request_rewrite(&request, request.header.len, SPOOL_FEATURE_TMPFILE);
	CU_ASSERT_NOT_EQUAL(request.header.opcode, FUSE_CREATE);
	CU_ASSERT_NOT_EQUAL(request.header.opcode, FUSE_TMPFILE);
}

/* The longer form loses its last two words and nothing else; what is no such request stays. */
static void test_shorten_setxattr(void)
{
	struct request request = new_request(FUSE_SETXATTR, sizeof(request.arg.setxattr) + 3);
	struct request before = request;
	struct spool_request message;
	struct fuse_in_header header;
	char *name = (char *)&request.arg.setxattr + sizeof(request.arg.setxattr);

	request.arg.setxattr = (struct fuse_setxattr_in){
		.size = 1, .flags = 2, .setxattr_flags = FUSE_SETXATTR_ACL_KILL_SGID};
	memcpy(name, "n\0v", 3);
	before = request;
	message = message_of(&request);
	CU_ASSERT_TRUE(spool_request_parse(&message));
	CU_ASSERT_FALSE(message.kill_suidgid);
	spool_request_shorten_setxattr(&message);
	CU_ASSERT_TRUE(message.kill_suidgid);
	CU_ASSERT_EQUAL(message.len, before.header.len - 8);
	memcpy(&header, message.data, sizeof(header));
	CU_ASSERT_EQUAL(header.len, message.len);
	CU_ASSERT_EQUAL(header.unique, UNIQUE);
	CU_ASSERT_EQUAL(memcmp((char *)message.data + sizeof(header), &before.arg, 8), 0);
	CU_ASSERT_EQUAL(memcmp((char *)message.data + sizeof(header) + 8, "n\0v", 3), 0);
	for (size_t len = sizeof(header); len < sizeof(header) + 16; len++) {
		request = before;
		request.header.len = (uint32_t)len;
		message = message_of(&request);
		CU_ASSERT_TRUE(spool_request_parse(&message));
		spool_request_shorten_setxattr(&message);
		CU_ASSERT_EQUAL(message.len, len);
		CU_ASSERT_PTR_EQUAL(message.data, &request);
	}
	request.header.opcode = FUSE_WRITE;
	request.header.len = before.header.len;
	message = message_of(&request);
	CU_ASSERT_TRUE(spool_request_parse(&message));
	spool_request_shorten_setxattr(&message);
	CU_ASSERT_EQUAL(message.len, before.header.len);
}

/* Everything else passes as it is, and so does what is too short to be looked at. */
static void test_rewrite_leaves_others(void)
{
	for (uint32_t opcode = 1; opcode < FUSE_TMPFILE; opcode++) {
		struct request request = new_request(opcode, sizeof(request.arg.create));
		struct request before = request;

		spool_request_rewrite(&request, request.header.len, 0);
		CU_ASSERT_EQUAL(memcmp(&request, &before, sizeof(request)), 0);
	}
	for (size_t len = 0; len < sizeof(struct fuse_in_header); len++) {
		struct request request = new_request(FUSE_TMPFILE, 0);
		struct request before = request;

		spool_request_rewrite(&request, len, ~0u);
		CU_ASSERT_EQUAL(memcmp(&request, &before, sizeof(request)), 0);
	}
}

/* The handle in overlayfs' attribute is known again once, to the thread that has read it. */
static void test_origin(void)
{
	static struct spool_origins origins;
	struct {
		char head[21];
		char handle[12];
	} value = {.head = "\0\xfb!"};
	const uint32_t handle[3] = {1, 7, SPOOL_GENERATION};
	const uint64_t ino = (UINT64_C(1) << 32) + 7;

	CU_ASSERT_FALSE(spool_origin_take(&origins, 4711, ino));
	memcpy(value.handle, handle, sizeof(handle));
	spool_origin_note(&origins, 4711, "user.overlay.origin", &value, sizeof(value));
	spool_origin_note(&origins, 4711, "trusted.overlay.origin", &value, sizeof(value) - 1);
	CU_ASSERT_FALSE(spool_origin_take(&origins, 4711, ino));
	spool_origin_note(&origins, 4711, "trusted.overlay.origin", &value, sizeof(value));
	CU_ASSERT_FALSE(spool_origin_take(&origins, 4711, 7));
	CU_ASSERT_FALSE(spool_origin_take(&origins, 4712, ino));
	CU_ASSERT_FALSE(spool_origin_take(&origins, 4711 + SPOOL_ORIGIN_SLOTS, ino));
	CU_ASSERT_TRUE(spool_origin_take(&origins, 4711, ino));
	CU_ASSERT_FALSE(spool_origin_take(&origins, 4711, ino));
}

static struct request init_request(void)
{
	struct request request = new_request(FUSE_INIT, sizeof(request.arg.init));

	request.arg.init = (struct fuse_init_in){
		.major = 7, .minor = 45, .flags = OFFER_FLAGS, .flags2 = OFFER_FLAGS2};
	return request;
}

static void test_masked_offer(void)
{
	struct request request = init_request();
	size_t flags_end = sizeof(request.header) + offsetof(struct fuse_init_in, flags) + 4;

	spool_request_rewrite(&request, flags_end - 1, SPOOL_FEATURE_KILLPRIV);
	CU_ASSERT_EQUAL(request.arg.init.flags, OFFER_FLAGS); /* too short for flags */
	spool_request_rewrite(&request, flags_end, SPOOL_FEATURE_KILLPRIV);
	CU_ASSERT_EQUAL(request.arg.init.flags, OFFER_FLAGS & ~(uint32_t)FUSE_HANDLE_KILLPRIV_V2);
	spool_request_rewrite(&request, flags_end,
			      SPOOL_FEATURE_READDIRPLUS | SPOOL_FEATURE_POSIX_ACL);
	CU_ASSERT_FALSE(request.arg.init.flags & (FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO));
	CU_ASSERT_FALSE(request.arg.init.flags & FUSE_POSIX_ACL);
}

static void test_offers(void)
{
	struct request request = init_request();
	size_t len = request.header.len;

	CU_ASSERT_TRUE(
		spool_handshake_offers(&request, len, FUSE_INIT_EXT, SPOOL_WIRE_OVER_IO_URING));
	CU_ASSERT_FALSE(spool_handshake_offers(&request, len, 0, UINT32_C(1) << 31));
	for (size_t short_len = 0; short_len < len; short_len++)
		CU_ASSERT_FALSE(spool_handshake_offers(&request, short_len, 0, 0));
	request.arg.init.flags &= ~(uint32_t)FUSE_INIT_EXT; /* then flags2 is rubbish */
	CU_ASSERT_FALSE(spool_handshake_offers(&request, len, 0, SPOOL_WIRE_OVER_IO_URING));
	CU_ASSERT_TRUE(spool_handshake_offers(&request, len, FUSE_ASYNC_READ, 0));
}

static void test_extend_init(void)
{
	struct request request = init_request();
	struct fuse_init_out out = {.max_write = 128 << 10}, before = out;
	struct spool_handshake_extra extra = {
		.flags = FUSE_HANDLE_KILLPRIV_V2 | FUSE_NO_OPENDIR_SUPPORT,
		.flags2 = SPOOL_WIRE_OVER_IO_URING | UINT32_C(1) << 31,
		.max_write = 1 << 20};
	size_t len = request.header.len;

	CU_ASSERT_FALSE(spool_handshake_extend(&request, len - 1, &extra, &out));
	CU_ASSERT_EQUAL(memcmp(&out, &before, sizeof(out)), 0);
	request.arg.init.flags &= ~(uint32_t)FUSE_NO_OPENDIR_SUPPORT;
	CU_ASSERT_TRUE(spool_handshake_extend(&request, len, &extra, &out));
	CU_ASSERT_EQUAL(out.flags, FUSE_INIT_EXT | FUSE_MAX_PAGES | FUSE_HANDLE_KILLPRIV_V2);
	CU_ASSERT_EQUAL(out.flags2, SPOOL_WIRE_OVER_IO_URING); /* bit 31 is not offered */
	CU_ASSERT_EQUAL(out.max_write, 1 << 20);
	CU_ASSERT_EQUAL(out.max_pages, (1 << 20) / sysconf(_SC_PAGESIZE));
	request.arg.init.flags &= ~(uint32_t)FUSE_MAX_PAGES;
	out = before;
	CU_ASSERT_TRUE(spool_handshake_extend(&request, len, &extra, &out));
	CU_ASSERT_EQUAL(out.max_write, 128 << 10);
	request.arg.init.flags &= ~(uint32_t)FUSE_INIT_EXT;
	out = before;
	CU_ASSERT_FALSE(spool_handshake_extend(&request, len, &extra, &out));
	CU_ASSERT_EQUAL(memcmp(&out, &before, sizeof(out)), 0);
}

struct entry {
	char answer[sizeof(struct fuse_out_header)];
	char out[16];
	char behind;
};

static struct spool_request answering(struct entry *entry)
{
	memset(entry, '#', sizeof(*entry));
	return (struct spool_request){.unique = UNIQUE,
				      .out = entry->out,
				      .out_size = sizeof(entry->out),
				      .answer = entry->answer};
}

static void test_answer(void)
{
	struct fuse_out_header header = {.len = sizeof(header) + 6, .unique = UNIQUE}, got;
	char abc[] = "abc", def[] = "def";
	struct iovec iov[] = {{&header, sizeof(header)}, {abc, 3}, {def, 3}};
	struct entry entry;
	struct spool_request message = answering(&entry);

	CU_ASSERT_EQUAL(spool_request_answer(&message, iov, 3), (ssize_t)sizeof(header) + 6);
	CU_ASSERT_TRUE(message.answered);
	CU_ASSERT_EQUAL(message.answer_size, 6);
	CU_ASSERT_EQUAL(memcmp(entry.out, "abcdef####", 10), 0);
	memcpy(&got, entry.answer, sizeof(got));
	CU_ASSERT_EQUAL(got.error, 0);
	/* data that were read straight into the entry stay where they are */
	message = answering(&entry);
	memcpy(entry.out, "0123456789abcdef", 16);
	iov[1] = (struct iovec){entry.out, 16};
	CU_ASSERT_EQUAL(spool_request_answer(&message, iov, 2), (ssize_t)sizeof(header) + 16);
	CU_ASSERT_EQUAL(memcmp(entry.out, "0123456789abcdef", 16), 0);
	CU_ASSERT_EQUAL(entry.behind, '#');
}

static void test_answer_that_does_not_fit(void)
{
	struct fuse_out_header header = {.len = sizeof(header) + 17, .unique = UNIQUE}, got;
	char data[17] = "";
	struct iovec iov[] = {{&header, sizeof(header)}, {data, 16}, {data, 1}};
	struct entry entry;
	struct spool_request message = answering(&entry);

	CU_ASSERT_EQUAL(spool_request_answer(&message, iov, 3), -EIO);
	memcpy(&got, entry.answer, sizeof(got));
	CU_ASSERT_EQUAL(got.error, -EIO);
	CU_ASSERT_EQUAL(got.len, sizeof(got));
	CU_ASSERT_EQUAL(got.unique, UNIQUE);
	CU_ASSERT_EQUAL(message.answer_size, 0);
	CU_ASSERT_EQUAL(entry.behind, '#');
	iov[1].iov_len = SIZE_MAX; /* no sum of lengths may wrap */
	message = answering(&entry);
	CU_ASSERT_EQUAL(spool_request_answer(&message, iov, 3), -EIO);
	CU_ASSERT_EQUAL(entry.behind, '#');
}

/* What libfuse would make of it: it answers interrupts of requests that it does not know, later. */
static void test_interrupt(void)
{
	static const struct fuse_lowlevel_ops no_ops;
	static const struct spool_options options;
	struct spool_fs fs = {.options = &options};
	struct fuse_args args = FUSE_ARGS_INIT(1, (char *[]){(char[]){"test"}});
	struct request request = new_request(FUSE_INTERRUPT, sizeof(struct fuse_interrupt_in));
	struct spool_request message = message_of(&request);
	struct request other = init_request();
	struct fuse_buf buf = {.mem = &other, .size = other.header.len};
	struct fuse_out_header got;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	fs.session = fuse_session_new(&args, &no_ops, sizeof(no_ops), &fs);
	fuse_opt_free_args(&args); /* libfuse has made a copy of them */
	CU_ASSERT_PTR_NOT_NULL_FATAL(fs.session);
	CU_ASSERT_EQUAL_FATAL(pthread_key_create(&fs.current, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(spool_channel_attach(fs.session, pair[0]), 0);
	fuse_session_process_buf(fs.session, &buf);
	CU_ASSERT_EQUAL(recv(pair[1], &got, sizeof(got), MSG_DONTWAIT), (ssize_t)sizeof(got));
	CU_ASSERT_TRUE(spool_request_parse(&message));
	spool_channel_process(&fs, &message, SPOOL_TRY);
	other = new_request(FUSE_GETATTR, 16);
	other.header.unique = UNIQUE + 1;
	buf.size = other.header.len;
	fuse_session_process_buf(fs.session, &buf);
	CU_ASSERT_EQUAL(recv(pair[1], &got, sizeof(got), MSG_DONTWAIT), (ssize_t)sizeof(got));
	CU_ASSERT_EQUAL(got.unique, UNIQUE + 1);
	fuse_session_destroy(fs.session);
	pthread_key_delete(fs.current);
	close(pair[1]);
}

static const struct unit_test tests[] = {
	{"parse", test_parse},
	{"parse_lengths", test_parse_lengths},
	{"kill_suidgid", test_kill_suidgid},
	{"shorten_setxattr", test_shorten_setxattr},
	{"origin", test_origin},
	{"tmpfile_is_a_create", test_tmpfile_is_a_create},
	{"rewrite_leaves_others", test_rewrite_leaves_others},
	{"masked_offer", test_masked_offer},
	{"offers", test_offers},
	{"extend_init", test_extend_init},
	{"answer", test_answer},
	{"interrupt", test_interrupt},
	{"answer_that_does_not_fit", test_answer_that_does_not_fit},
};

int main(void)
{
	return unit_run("channel", tests, sizeof(tests) / sizeof(tests[0]));
}
