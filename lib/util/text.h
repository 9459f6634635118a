/* SPDX-License-Identifier: MIT */
#pragma once

/* Text that may come from anybody, such as the path of a mount point, for a terminal. */

#include <stddef.h>
#include <stdio.h>

/**
 * spool_text_put() - write @text with control characters, backslashes and what is no UTF-8 as \ooo
 * Like /proc/mounts; a lone byte of 0x80 to 0x9f is a control character to some terminals.
 * So it stays on its line, and makes a terminal do nothing. Errors of the stream are left to its
 * owner (ferror(3)).
 */
void spool_text_put(FILE *out, const char *text);

/**
 * spool_text_show() - the same for a line that is made in memory
 * @ret: of @size bytes, 4 at least; what has no room there is cut off, and "..." tells it
 * Return: @ret.
 */
const char *spool_text_show(const char *text, char *ret, size_t size);

/**
 * spool_text_utf8_length() - of a UTF-8 sequence (RFC 3629: shortest form, no surrogates)
 * @text: has a NUL at its end. Return: bytes; 0: it is none.
 */
size_t spool_text_utf8_length(const unsigned char *text);
