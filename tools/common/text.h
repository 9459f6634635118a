/* SPDX-License-Identifier: MIT */
#pragma once

/* Text for programs that read it strictly. */

#include <stddef.h>

/**
 * text_ascii() - JSON (RFC 8259) with \u escapes for what is not ASCII
 * The strict reading of json-c 0.18 refuses all other bytes in strings.
 * @text: @size bytes; it needs no NUL. Return: the same in JSON, with a NUL, to be freed; NULL: no
 * UTF-8, or a backslash before such a character (EILSEQ); no memory (ENOMEM).
 */
char *text_ascii(const char *text, size_t size);
