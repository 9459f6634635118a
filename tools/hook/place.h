/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The mount points of all containers: directories of /run/spoolfs-oci, named by the container and
 * its first process. The daemon of each removes it when that process has ended: see
 * background_mount().
 */

#include <sys/types.h>

#define PLACE_BASE "/run/spoolfs-oci"

/**
 * place_make() - make the one of a container
 * What is left of others, whose daemons were killed, is removed first.
 * @base: PLACE_BASE
 * @id: its first 200 bytes are used
 * @ret: of PATH_MAX bytes
 * Return: 0; -EEXIST there is one, of which @ret is the path; -errno.
 */
int place_make(const char *base, const char *id, pid_t pid, char *ret);

/** place_give_up() - remove what place_make() has made, if nothing is mounted there. */
void place_give_up(const char *base, const char *dir);

/**
 * place_wait() - wait until those of a container whose processes have ended are gone
 * Where that takes longer than @patience_ms, as all of a daemon was killed, they are removed here.
 */
void place_wait(const char *base, const char *id, int patience_ms);
