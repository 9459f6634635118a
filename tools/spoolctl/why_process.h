/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolctl why, of a process. */

#include <stdbool.h>

struct json;

/** why_is_process() - is @text the number of a process, and not the name of a file? */
bool why_is_process(const char *text);

/** why_process() - in which session is what process @text makes in the directory @mount? @json:
 * NULL: for people. Return: an exit status. */
int why_process(const char *text, const char *mount, struct json *json);
