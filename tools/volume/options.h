/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The options that a volume is made with ("docker volume create -o size=8m"), as a list for the
 * daemon. What they mean is the daemon's to say (spoolfs --check); refused here is what would not
 * be one option of a volume.
 */

#include <stddef.h>

/* Bytes of a list, with its NUL. A guess: each option of the daemon once, with a path of PATH_MAX.
 */
#define VOLUME_OPTIONS_MAX 5120u

/**
 * volume_options_add() - add "key=value", or "key" where @value is ""
 * @list: NULL or from malloc; replaced
 * @why: gets one line, of @size bytes
 * Return: 0; -EINVAL, -ENOMEM (the line was written) with *@list unchanged.
 */
int volume_options_add(char **list, const char *key, const char *value, char *why, size_t size);
