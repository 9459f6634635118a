/* SPDX-License-Identifier: MIT */
#pragma once

/* Of the check of a backing directory: who could put another in its place, or files into it. */

#include <stddef.h>

/**
 * backing_check_writers() - is an open directory root's or ours, and nobody else may write to it?
 * Others may where it is sticky: they can neither remove nor rename what is ours. Groups but root's
 * and our own, and whoever an ACL names, are others.
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
