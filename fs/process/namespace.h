/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A service manager may give a service a mount namespace of its own, in which what the service does
 * not need is missing or cannot be written to (ProtectSystem= and the like of systemd.exec(5)).
 * Nobody else would see a mount that is made there. So the supervisor, which mounts and unmounts,
 * goes to the namespace of the machine, and its worker, which serves all callers, goes back.
 */

#include <stdio.h>

/**
 * spool_namespace_enter() - from here on the process and its children are in a mount namespace
 * @path: one in /proc: /proc/1/ns/mnt
 * The working directory becomes its root. To be called while there is one thread.
 * Return: a descriptor by which children can return; -errno after one line to @errors.
 */
int spool_namespace_enter(const char *path, FILE *errors);

/** spool_namespace_return() - go back. @fd: of spool_namespace_enter(), is closed; -1: we are
 * there. Return: 0; -errno of setns(2). */
int spool_namespace_return(int fd);
