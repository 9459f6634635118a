/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a runtime or engine gives a hook: JSON (RFC 8259), of any kind and size. Read by json-c,
 * which keeps what others lose: RLIM_INFINITY of a limit is 18446744073709551615.
 */

#include <stdio.h>

#include <json-c/json.h>

/* The configuration of a container with 10,000 mounts has 2 MiB. A guess with some room. */
#define INPUT_BYTES_MAX ((size_t)16 << 20)

/* That of containers has 7 levels. A guess. */
#define INPUT_DEPTH_MAX 100

/**
 * input_read() - read all of a file, which is one JSON object
 * @what: its name in lines
 * Return: the object, for json_object_put(); NULL after a line to @errors.
 */
json_object *input_read(FILE *file, const char *what, FILE *errors);

/**
 * input_member() - a member of an object, if there is one and it is of this type
 * @object: NULL: has none
 * Return: the member, the object's; NULL.
 */
json_object *input_member(json_object *object, const char *name, enum json_type type);
