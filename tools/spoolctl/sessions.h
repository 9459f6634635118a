/* SPDX-License-Identifier: MIT */
#pragma once

/* The sessions of a mount, as spoolctl lists and counts them. */

#include "ctl/proto.h"

/**
 * sessions_ask() - all sessions that the caller may see
 * @take: is called for each page, once at least
 * Return: 0; -ENOMEM; -EPROTO the daemon does not keep to the interface; else as spool_ctl_call().
 * After an error @take may have been called.
 */
int sessions_ask(int fd, void (*take)(void *ctx, const struct spool_ctl_sessions *page), void *ctx);
