/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists of mount options, as in fstab(5): "ram=1G,noexec". */

/**
 * options_join() - add @more to *@list
 * @list: NULL or from malloc; replaced, to be freed by the caller
 * Return: 0; -ENOMEM with *@list unchanged.
 */
int options_join(char **list, const char *more);
