/* SPDX-License-Identifier: MIT */
#pragma once

/* The parts of the check of a backing directory. It finds out whether other users could replace the
 * directory, or put files into it. */

#include <stddef.h>

/**
 * backing_check_writers() - is an open directory root's or ours, and nobody else may write to it?
 * Others may where it is sticky: they can neither remove nor rename what is ours. Groups but root's
 * and our own, and users and groups that an ACL names, are others.
 * Return: 0; -EPERM or what a system call returned, and @why.
 */
int backing_check_writers(int fd, char *why, size_t size);

/**
 * backing_check_above() - the same for all directories above it, as they are now
 * Return: 0; -EPERM or what a system call returned, and @why.
 */
int backing_check_above(int fd, char *why, size_t size);

/**
 * backing_check_links() - are all symbolic links on the way to @path root's or ours?
 * @path: absolute or relative; changed while it is looked at
 * Return: 0; -EPERM, and @why.
 */
int backing_check_links(char *path, char *why, size_t size);
