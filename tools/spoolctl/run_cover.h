/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * spoolctl run --tmp: directories of the mount lie over /tmp and /var/tmp, in a mount namespace
 * of the command. For programs that do not ask TMPDIR: ssh-agent, the JVM, tmpfile(3).
 *
 * Whoever may not make a mount namespace gets a user namespace first, in which his uid and gid are
 * what they were and the command has no capability.
 */

#define RUN_COVER_TMPDIR "/tmp"

/**
 * run_cover_check() - can the command stay where we are?
 * A directory below /tmp or /var/tmp would be reached by "." but not by its name.
 * Return: EXIT_OK; EXIT_FAILED after a line.
 */
int run_cover_check(void);

/**
 * run_cover_prepare() - make the directories
 * @mount_dir: the mount's directory
 * Return: EXIT_OK; EXIT_FAILED after a line.
 */
int run_cover_prepare(const char *mount_dir);

/**
 * run_cover_enter() - in the command's process: cover the directories for it
 * What is mounted elsewhere arrives here later as well; nothing that is done here leaves.
 * .X11-unix and .ICE-unix, in which the sockets of X are, stay reachable.
 * Return: EXIT_OK; EXIT_FAILED after a line: the process is of no use any more.
 */
int run_cover_enter(const char *mount_dir);
