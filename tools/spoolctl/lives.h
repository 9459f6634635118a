/* SPDX-License-Identifier: MIT */
#pragma once

/* What spoolctl status shows of lifetimes and sessions. */

#include <stdbool.h>

#include "ctl/proto.h"

struct json;

/** struct lives - @sessions: those that the caller may see; @over: of these, that have ended and
 * still hold something */
struct lives {
	struct spool_ctl_lives told;
	uint64_t sessions, over;
};

/** lives_ask() - asks the daemon behind @fd. Return: 0; -errno. */
int lives_ask(int fd, struct lives *ret);

/** lives_json() - its members. */
void lives_json(struct json *json, const struct lives *lives);

/** lives_print() - lines for people; @admin: all of them. */
void lives_print(const struct lives *lives, bool admin);
