/* SPDX-License-Identifier: MIT */
#pragma once

/* Text that may come from anybody, such as the path of a mount point, for a terminal. */

#include <stdio.h>

/**
 * text_put() - write @text with control characters and backslashes as \ooo, like /proc/mounts
 * So it stays on its line, and makes a terminal do nothing. Errors of the stream are left to its
 * owner (ferror(3)).
 */
void text_put(FILE *out, const char *text);
