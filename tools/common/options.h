/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists of mount options, as in fstab(5): "ram=1G,noexec". */

#include <stdbool.h>

/* For lines that say what is allowed. */
#define OPTIONS_FOR_USERS                                                                    \
	"size=, ram=, nr_inodes=, threshold=, lifetime=, linger=, session=, grace=, mode=, " \
	"noexec, nosymfollow"

/**
 * options_for_users() - may somebody ask for this who is not the administrator?
 * @option: as "ram=1G"; its value is the daemon's to judge
 * Where data go, and whether encrypted, who owns them and who waits for whom is not for users.
 */
bool options_for_users(const char *option);

/**
 * options_join() - add @more to *@list
 * @list: NULL or from malloc; replaced, to be freed by the caller
 * Return: 0; -ENOMEM with *@list unchanged.
 */
int options_join(char **list, const char *more);
