/* SPDX-License-Identifier: MIT */

/* spoolfs-csi: messages of Protocol Buffers, whole and broken, and what requests ask for. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csi/node.h"
#include "csi/proto.h"
#include "csi/request.h"
#include "unit.h"
#include "util/macros.h"

static struct proto_bytes bytes_of(const struct proto_buffer *buffer)
{
	return (struct proto_bytes){.data = buffer->data, .size = buffer->size};
}

static void test_fields(void)
{
	static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
	struct proto_buffer buffer = {0};
	struct proto_bytes rest;
	struct proto_field field;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(values); i++)
		proto_put_number(&buffer, (uint32_t)i + 1, values[i]);
	proto_put_text(&buffer, 100000, "text");
	proto_put_bytes(&buffer, 16, (struct proto_bytes){0});
	CU_ASSERT_FALSE(buffer.failed);
	rest = bytes_of(&buffer);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(values); i++) {
		CU_ASSERT_EQUAL(proto_next(&rest, &field), 1);
		CU_ASSERT_EQUAL(field.number, i + 1);
		CU_ASSERT_EQUAL(field.value, values[i]);
		CU_ASSERT_FALSE(field.is_bytes);
	}
	CU_ASSERT_EQUAL(proto_next(&rest, &field), 1);
	CU_ASSERT_EQUAL(field.number, 100000);
	CU_ASSERT_EQUAL(field.bytes.size, 4);
	CU_ASSERT_EQUAL(memcmp(field.bytes.data, "text", 4), 0);
	CU_ASSERT_EQUAL(proto_next(&rest, &field), 1);
	CU_ASSERT_EQUAL(field.bytes.size, 0);
	CU_ASSERT_EQUAL(proto_next(&rest, &field), 0);
	proto_free(&buffer);
}

/* Each beginning of a message is one, or is refused; nothing behind it is read. */
static void test_cut_short(void)
{
	struct proto_buffer buffer = {0};

	proto_put_text(&buffer, 1, "volume");
	proto_put_number(&buffer, 6, 300);
	proto_put_text(&buffer, 4, "/target");
	for (size_t size = 0; size < buffer.size; size++) {
		uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees its end */
		struct proto_bytes rest = {.data = copy, .size = size};
		struct proto_field field;
		int r;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, buffer.data, size);
		while ((r = proto_next(&rest, &field)) > 0)
			;
		CU_ASSERT_EQUAL(r, size == 0 || size == 8 || size == 11 ? 0 : -EINVAL);
		free(copy);
	}
	proto_free(&buffer);
}

static void test_no_message(void)
{
	static const char *const wrong[] = {
		"\x0b", /* a group */
		"\x0f",
		"\x07",                                         /* no way of writing */
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", /* a number without an end */
		"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* of 2^64-1 bytes */
		"\x0a\x05"
		"1234",
		"\x0d"
		"123",
		"\x09"
		"1234567",
		"\x02\x01"
		"1" /* field 0 */};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wrong); i++) {
		struct proto_bytes rest = {.data = (const uint8_t *)wrong[i],
					   .size = strlen(wrong[i])};
		struct proto_field field;

		CU_ASSERT_EQUAL(proto_next(&rest, &field), -EINVAL);
	}
}

static void test_text(void)
{
	char *text = NULL;

	CU_ASSERT_EQUAL(
		proto_text((struct proto_bytes){.data = (const uint8_t *)"ab", .size = 1}, &text),
		0);
	CU_ASSERT_STRING_EQUAL(text, "a");
	free(text);
	CU_ASSERT_EQUAL(proto_text((struct proto_bytes){0}, &text), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	CU_ASSERT_EQUAL(
		proto_text((struct proto_bytes){.data = (const uint8_t *)"a", .size = 2}, &text),
		-EINVAL);
}

static void put_attribute(struct proto_buffer *message, const char *key, const char *value)
{
	struct proto_buffer entry = {0};

	proto_put_text(&entry, 1, key);
	if (value)
		proto_put_text(&entry, 2, value);
	proto_put_bytes(message, 8, bytes_of(&entry));
	proto_free(&entry);
}

static void test_request(void)
{
	struct proto_buffer message = {0};
	struct request request;
	char error[GRPC_ERROR] = "";

	proto_put_text(&message, 1, "id");
	proto_put_text(&message, 4, "/pods/x/mount");
	proto_put_bytes(&message, 5, (struct proto_bytes){0});
	put_attribute(&message, "csi.storage.k8s.io/ephemeral", "true");
	put_attribute(&message, "csi.storage.k8s.io/pod.name", "=,");
	put_attribute(&message, "size", "10G");
	put_attribute(&message, "noexec", "true");
	put_attribute(&message, "nosymfollow", NULL);
	proto_put_text(&message, 77, "of a later version");
	CU_ASSERT_EQUAL(request_read_publish(bytes_of(&message), &request, error), GRPC_OK);
	CU_ASSERT_STRING_EQUAL(request.volume, "id");
	CU_ASSERT_STRING_EQUAL(request.target, "/pods/x/mount");
	CU_ASSERT_STRING_EQUAL(request.options, "size=10G,noexec,nosymfollow");
	request_free(&request);
	put_attribute(&message, "backing", "/etc");
	CU_ASSERT_EQUAL(request_read_publish(bytes_of(&message), &request, error),
			GRPC_INVALID_ARGUMENT);
	CU_ASSERT_EQUAL(strncmp(error, "backing: not expected", 21), 0);
	request_free(&request);
	proto_free(&message);
}

static void test_calls(void)
{
	struct node node = {.id = "me"};
	struct proto_buffer reply = {0};
	char error[GRPC_ERROR] = "";

	CU_ASSERT_EQUAL(node_call(&node, "/csi.v1.Node/NodeGetInfo", (struct proto_bytes){0},
				  &reply, error),
			GRPC_OK);
	CU_ASSERT_EQUAL(reply.size, 4);
	CU_ASSERT_EQUAL(memcmp(reply.data, "\x0a\x02me", 4), 0);
	CU_ASSERT_EQUAL(node_call(&node, "", (struct proto_bytes){0}, &reply, error),
			GRPC_UNIMPLEMENTED);
	CU_ASSERT_EQUAL(node_call(&node, "/csi.v1.Node/NodeUnpublishVolume",
				  (struct proto_bytes){0}, &reply, error),
			GRPC_INVALID_ARGUMENT);
	proto_free(&reply);
}

static const struct unit_test tests[] = {
	{"fields are read as they were written", test_fields},
	{"messages that are cut short", test_cut_short},
	{"what is no message", test_no_message},
	{"texts", test_text},
	{"what a request asks for", test_request},
	{"calls", test_calls},
};

int main(void)
{
	return unit_run("csi", tests, SPOOL_ARRAY_SIZE(tests));
}
