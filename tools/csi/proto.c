/* SPDX-License-Identifier: MIT */
#include "csi/proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How a field is written; groups (3 and 4) were given up long ago. */
enum { WIRE_NUMBER = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Seven bits a byte, the lowest first. Return: 0; -EINVAL: there is no end of it. */
static int take_number(struct proto_bytes *rest, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && rest->size > 0; shift += 7) {
		uint8_t byte = *rest->data++;

		rest->size--;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_bytes(struct proto_bytes *rest, uint64_t size, struct proto_bytes *ret)
{
	if (size > rest->size)
		return -EINVAL;
	*ret = (struct proto_bytes){.data = rest->data, .size = (size_t)size};
	rest->data += size;
	rest->size -= (size_t)size;
	return 0;
}

int proto_next(struct proto_bytes *rest, struct proto_field *ret)
{
	struct proto_bytes fixed;
	uint64_t key, size;

	*ret = (struct proto_field){0};
	if (rest->size == 0)
		return 0;
	if (take_number(rest, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
		return -EINVAL;
	ret->number = (uint32_t)(key >> 3);
	switch (key & 7) {
	case WIRE_NUMBER:
		return take_number(rest, &ret->value) < 0 ? -EINVAL : 1;
	case WIRE_64:
		return take_bytes(rest, 8, &fixed) < 0 ? -EINVAL : 1; /* CSI has none */
	case WIRE_32:
		return take_bytes(rest, 4, &fixed) < 0 ? -EINVAL : 1;
	case WIRE_BYTES:
		ret->is_bytes = true;
		if (take_number(rest, &size) < 0 || take_bytes(rest, size, &ret->bytes) < 0)
			return -EINVAL;
		return 1;
	default:
		return -EINVAL;
	}
}

int proto_text(struct proto_bytes bytes, char **ret)
{
	char *text;

	if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size))
		return -EINVAL;
	text = strndup(bytes.data ? (const char *)bytes.data : "", bytes.size);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

void proto_append(struct proto_buffer *buffer, const void *data, size_t size)
{
	if (size > buffer->room - buffer->size) {
		size_t room = (buffer->size + size) * 2;
		uint8_t *larger = realloc(buffer->data, room);

		if (!larger) {
			buffer->failed = true;
			return;
		}
		buffer->data = larger;
		buffer->room = room;
	}
	if (size > 0)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
}

static void put(struct proto_buffer *buffer, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	do {
		bytes[n] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
		n++;
	} while (value > 0);
	proto_append(buffer, bytes, n);
}

void proto_put_number(struct proto_buffer *buffer, uint32_t number, uint64_t value)
{
	put(buffer, (uint64_t)number << 3 | WIRE_NUMBER);
	put(buffer, value);
}

void proto_put_bytes(struct proto_buffer *buffer, uint32_t number, struct proto_bytes bytes)
{
	put(buffer, (uint64_t)number << 3 | WIRE_BYTES);
	put(buffer, bytes.size);
	proto_append(buffer, bytes.data, bytes.size);
}

void proto_put_text(struct proto_buffer *buffer, uint32_t number, const char *text)
{
	proto_put_bytes(buffer, number,
			(struct proto_bytes){.data = (const uint8_t *)text, .size = strlen(text)});
}

void proto_free(struct proto_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct proto_buffer){0};
}
