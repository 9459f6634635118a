/* SPDX-License-Identifier: MIT */
#pragma once

/* The users of a mount, as spoolctl lists them. */

#include "ctl/proto.h"

/**
 * users_ask() - all users that the caller may see, in the order of their uids
 * @take: is called for each page; what it returns below 0 ends it
 * Return: 0; -ENOMEM; -EPROTO the daemon does not keep to the interface; what @take has returned;
 * else as spool_ctl_call(). After an error @take may have been called.
 */
int users_ask(int fd, int (*take)(void *ctx, const struct spool_ctl_users *page), void *ctx);
