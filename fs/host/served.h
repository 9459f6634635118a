/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Is a mount served, if it does not answer? The kernel ends a connection when its last descriptor
 * is closed. A process that was killed keeps its own for as long as a user holds one of its threads
 * in the kernel. Then nobody answers, and whoever asks waits.
 */

#include <stdbool.h>
#include <sys/types.h>

/**
 * spool_served_by_nobody() - have all those been killed who have the connection of a mount open?
 * @proc: "/proc"
 * @device: of the mount
 * All processes of a daemon are in one pid namespace, and all have the connection open. So where
 * one that was killed is found, those that live would be, too.
 * Return: true if that is certain; false also where it cannot be known: by an ordinary user, who
 * may not look at the processes of others, or if the kernel does not show which connection a
 * descriptor belongs to (fuse_connection in /proc/PID/fdinfo; Linux 6.18 does, 6.1 does not).
 */
bool spool_served_by_nobody(const char *proc, dev_t device);
