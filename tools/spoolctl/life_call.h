/* SPDX-License-Identifier: MIT */
#pragma once

/* How long files live: asking for it, and changing it, by path. */

#include <stdint.h>

struct spool_ctl_life;

/**
 * life_ask() - of a file of any kind; a symbolic link is not followed
 * Return: 0; an errno, with *@ret unchanged.
 */
int life_ask(const char *path, struct spool_ctl_life *ret);

/** life_change() - as of struct spool_ctl_change. Return: 0; an errno. */
int life_change(const char *path, uint32_t op, uint32_t lifetime, uint32_t flags);

/** life_wait(), life_wait_directory() - until what the caller has changed is done to all below
 * @path, or the directory @fd. Return: 0, also if it has gone; ETIME after 30 s; an errno. */
int life_wait(const char *path);
int life_wait_directory(int fd);

/** life_reason() - why a call about @path has failed with @error, in a few words. Return: a static
 * string, or strerror(3)'s. */
const char *life_reason(const char *path, int error);
