/* SPDX-License-Identifier: MIT */
#pragma once

/* The sessions of a mount, as spoolctl lists and counts them. */

#include "common/json.h"
#include "ctl/proto.h"

/**
 * sessions_ask() - all sessions that the caller may see
 * @take: is called for each page, once at least
 * Return: 0; -ENOMEM; -EPROTO the daemon does not keep to the interface; else as spool_ctl_call().
 * After an error @take may have been called.
 */
int sessions_ask(int fd, void (*take)(void *ctx, const struct spool_ctl_sessions *page), void *ctx);

/** session_put_place() - prints what holds it together: a cgroup, a directory, else a number. */
void session_put_place(const struct spool_ctl_session *session);

/** session_json_place() - the same as the members "cgroup" and "directory", "" where it is none. */
void session_json_place(struct json *json, const struct spool_ctl_session *session);
