/* SPDX-License-Identifier: MIT */
#pragma once

/* Who root of a container is outside of it. */

#include <stdio.h>
#include <sys/types.h>

/**
 * owner_of_zero() - the outer id of id 0, as a map tells
 * @map: an open file in the format of /proc/PID/uid_map (user_namespaces(7))
 * Return: the id; 0: nobody is 0 inside.
 */
id_t owner_of_zero(FILE *map);

/** owner_read() - the owner of what belongs to root of process @pid. Return: 0; -errno. */
int owner_read(pid_t pid, uid_t *ret_uid, gid_t *ret_gid);
