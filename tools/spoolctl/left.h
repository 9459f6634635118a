/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolctl status of what is served though it is mounted here no more (common/detached.h). */

struct json;

/**
 * left_show() - show what there is
 * @json: NULL: for people
 * @path: only what was mounted there; NULL: all
 * Return: how many were shown; -errno, with nothing shown.
 */
int left_show(struct json *json, const char *path);
