/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a command asks the daemon of a mount: by an ioctl on the directory that it was given. By the
 * socket of the daemon (ctl/socket.h) where that is the mount point of a mount of which the
 * directory shows nothing: another mount covers it, it is another user's, or it is mounted here no
 * more; or where requests hang.
 */

#include <stdbool.h>

/**
 * reach_mount() - to ask the daemon of the mount that @path is on, or is the mount point of
 * @detached: look for one that is mounted here no more, too, if @path is on no mount
 * A child that asks meanwhile finds out whether requests hang. Where they do it is left behind, and
 * ends with them.
 * Return: a descriptor for spool_ctl_call(), to be closed by the caller; -ETIMEDOUT: requests hang,
 * and there is no socket; -errno.
 */
int reach_mount(const char *path, bool detached);

/**
 * reach_path() - @path as the mount table has it: absolute, with the links above its last part
 * resolved; as it is where that cannot be
 * @ret: of PATH_MAX bytes
 */
void reach_path(const char *path, char *ret);

/** reach_directory() - spool_ctl_open(), for calls that the socket does not take. Return: as that;
 * -ETIMEDOUT: requests hang. */
int reach_directory(const char *dir);

#define REACH_NAME 256 /* bytes of a name, as in the calls of ctl/proto.h */

/**
 * reach_file() - for a call about the file @path of any kind; a symbolic link is not followed
 * @ret_name: what to name in the call: "" for a directory, which is asked about itself, as it may
 *	be the root of a mount; anything else is asked about through the directory that it is in
 * Return: a descriptor, to be closed by the caller; -ETIMEDOUT: requests hang; -errno.
 */
int reach_file(const char *path, char ret_name[REACH_NAME]);

/** reach_hangs() - Return: whether what @path is on does not answer for 3 s. */
bool reach_hangs(const char *path);
