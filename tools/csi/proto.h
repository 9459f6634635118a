/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Messages of Protocol Buffers, as far as CSI has them: numbers and strings of bytes, in fields
 * with numbers. A message in a field is a string of bytes that is read by itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct proto_bytes - a part of a message; @data is NULL when there is none */
struct proto_bytes {
	const uint8_t *data;
	size_t size;
};

/** struct proto_field - one field: of a number, @bytes is empty; else @value is 0 */
struct proto_field {
	uint32_t number;
	uint64_t value;
	struct proto_bytes bytes;
	bool is_bytes;
};

/**
 * proto_next() - take the next field from the beginning of a message
 * @rest: what is left of it, moved on
 * Return: 1 and *@ret, whose bytes are the message's; 0: its end; -EINVAL: it is none.
 */
int proto_next(struct proto_bytes *rest, struct proto_field *ret);

/**
 * proto_text() - as a string that is freed by the caller
 * Return: 0; -EINVAL: it holds a NUL; -ENOMEM.
 */
int proto_text(struct proto_bytes bytes, char **ret);

/** struct proto_buffer - a message that is made; all zero: empty; @failed: there was no memory */
struct proto_buffer {
	uint8_t *data;
	size_t size, room;
	bool failed;
};

/** proto_put_number(), proto_put_text(), proto_put_bytes() - add a field */
void proto_put_number(struct proto_buffer *buffer, uint32_t number, uint64_t value);
void proto_put_text(struct proto_buffer *buffer, uint32_t number, const char *text);
void proto_put_bytes(struct proto_buffer *buffer, uint32_t number, struct proto_bytes bytes);

/** proto_append() - add bytes, which are no field of it. */
void proto_append(struct proto_buffer *buffer, const void *data, size_t size);

/** proto_free() - it is empty then. */
void proto_free(struct proto_buffer *buffer);
