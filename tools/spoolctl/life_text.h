/* SPDX-License-Identifier: MIT */
#pragma once

/* Why a file lives, and when it goes, in words. */

#include <stddef.h>

struct spool_ctl_life;

/** life_text() - half a sentence about the file, such as "goes when session 7 has ended". Return:
 * @buf, cut to @size bytes. */
const char *life_text(const struct spool_ctl_life *life, char *buf, size_t size);
