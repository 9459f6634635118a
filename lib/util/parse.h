/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Numbers as people write them in options: "64M", "25%", "10", "2h". All parsers take the
 * whole string (no leading or trailing blanks, no sign, no fraction), refuse what overflows,
 * and leave *ret untouched on failure.
 */

#include <stdint.h>
#include <sys/types.h>

/**
 * spool_parse_bytes() - a number with an optional suffix k, m, g, t, p or e (powers of 1024,
 * either case, as tmpfs does). Return: 0; -EINVAL not such a number; -ERANGE over 2^63-1.
 */
int spool_parse_bytes(const char *text, uint64_t *ret);

/** spool_parse_percent() - "25%", 0 to 100. Return: 0; -EINVAL; -ERANGE over 100. */
int spool_parse_percent(const char *text, unsigned int *ret);

/** spool_parse_count() - like spool_parse_bytes(), for things that are counted. */
int spool_parse_count(const char *text, uint64_t *ret);

/** spool_parse_seconds() - "10", "10s", "5m", "2h", "1d". Return: 0; -EINVAL; -ERANGE over 2^31-1.
 */
int spool_parse_seconds(const char *text, uint32_t *ret);

/** spool_parse_octal() - a mode, 0 to 07777. Return: 0; -EINVAL; -ERANGE. */
int spool_parse_octal(const char *text, mode_t *ret);

/**
 * spool_parse_id() - a decimal uid or gid without leading zeros, 0 to 2^32-2 (the last value
 * means "none" to the kernel). Return: 0; -EINVAL; -ERANGE.
 */
int spool_parse_id(const char *text, uint32_t *ret);

/** spool_format_bytes() - "16M", "1.5G": at most 4 significant digits. @buf holds 16 bytes. */
void spool_format_bytes(uint64_t bytes, char buf[16]);
