/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading a JSON object (RFC 8259) that others have written. What is written is written by
 * common/json.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels of objects and arrays in each other. A request has two, the state of a volume three; a
 * guess. */
#define MESSAGE_DEPTH_MAX 8

struct message;

/**
 * message_read() - read @size bytes
 * @why: gets one line, of @why_size bytes
 * Return: for message_free(); NULL (the line was written): it is no object, or no memory.
 */
struct message *message_read(const char *text, size_t size, char *why, size_t why_size);

/** message_free() - NULL is allowed. */
void message_free(struct message *message);

/** message_string() - Return: the member's text, the message's; NULL: it is not there, no string,
 * or holds a NUL. */
const char *message_string(const struct message *message, const char *key);

/** message_number() - Return: false, with *@ret unchanged: it is not there, or not a number from 0
 * to @max. */
bool message_number(const struct message *message, const char *key, uint64_t max, uint64_t *ret);

/** message_bool() - Return: false, with *@ret unchanged: it is not there, or neither true nor
 * false. */
bool message_bool(const struct message *message, const char *key, bool *ret);

/**
 * message_strings() - call @fn for each member of the object @key, which may be null or missing
 * @fn: gets the name and the text; a value other than 0 ends the walk
 * Return: what @fn returned last; 0; -EINVAL: it is no object, or a member no string.
 */
int message_strings(const struct message *message, const char *key,
		    int (*fn)(void *arg, const char *name, const char *value), void *arg);

/**
 * message_objects() - call @fn for each element of the array @key
 * Return: likewise; -EINVAL also when it is not there.
 */
int message_objects(const struct message *message, const char *key,
		    int (*fn)(void *arg, const struct message *element), void *arg);
