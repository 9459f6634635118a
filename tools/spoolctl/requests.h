/* SPDX-License-Identifier: MIT */
#pragma once

/* The requests that a mount has served, by operation, as JSON. */

struct json;

/**
 * requests_json() - an object "requests_by_operation" of what was served at least once
 * @fd: a directory of the mount. Nothing is written for others than administrators.
 * Return: 0; -errno.
 */
int requests_json(int fd, struct json *json);
