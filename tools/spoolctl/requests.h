/* SPDX-License-Identifier: MIT */
#pragma once

/* Operations: their names, and how many of each a mount has served, as JSON. */

#include <stdint.h>

struct json;

/** requests_name() - of @opcode, as "READ"; of one that has none its number, in @buf. */
const char *requests_name(uint32_t opcode, char buf[16]);

/**
 * requests_json() - an object "requests_by_operation" of what was served at least once
 * @fd: a directory of the mount. Nothing is written for others than administrators.
 * Return: 0; -errno.
 */
int requests_json(int fd, struct json *json);
