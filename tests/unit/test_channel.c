/* SPDX-License-Identifier: MIT */

/* What is agreed with the kernel at the beginning, and what libfuse does not get to see. */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fs.h"
#include "ops/origin.h"
#include "request_rig.h"
#include "transport/channel.h"
#include "transport/outgoing.h"
#include "transport/handshake.h"
#include "unit.h"

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
	CU_ASSERT_EQUAL_FATAL(spool_outgoing_attach(fs.session, pair[0]), 0);
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
	{"origin", test_origin},
	{"offers", test_offers},
	{"extend_init", test_extend_init},
	{"interrupt", test_interrupt},
};

int main(void)
{
	return unit_run("channel", tests, sizeof(tests) / sizeof(tests[0]));
}
