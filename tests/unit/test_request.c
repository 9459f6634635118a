/* SPDX-License-Identifier: MIT */

/*
 * Requests of the kernel and answers to them, as they were seen on Linux 6.18, and as they must
 * never be: too short, too long, lying about their length.
 */

#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "options/options.h"
#include "request_rig.h"
#include "unit.h"

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

static const struct unit_test tests[] = {
	{"parse", test_parse},
	{"parse_lengths", test_parse_lengths},
	{"kill_suidgid", test_kill_suidgid},
	{"shorten_setxattr", test_shorten_setxattr},
	{"tmpfile_is_a_create", test_tmpfile_is_a_create},
	{"rewrite_leaves_others", test_rewrite_leaves_others},
	{"masked_offer", test_masked_offer},
	{"answer", test_answer},
	{"answer_that_does_not_fit", test_answer_that_does_not_fit},
};

int main(void)
{
	return unit_run("request", tests, sizeof(tests) / sizeof(tests[0]));
}
