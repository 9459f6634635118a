/* SPDX-License-Identifier: MIT */
#pragma once

/* Lays a mount into a container that has its mount namespace, but has not changed its root yet. */

#include <stdio.h>
#include <sys/types.h>

/**
 * attach_mount() - have the container see what is mounted on @dir
 * @pid: its first process
 * @root: the container's root directory, as the runtime sees it
 * @path: in the container, absolute, without ".."; what is missing of it is made, and symbolic
 * links on the way lead to no place outside of @root
 * Nothing that is mounted there later shows on @dir, nor the other way round. This process comes
 * into the mount namespace of the container.
 * Return: 0, also where it is mounted there already; -1 after a line to @errors.
 */
int attach_mount(const char *dir, pid_t pid, const char *root, const char *path, FILE *errors);
