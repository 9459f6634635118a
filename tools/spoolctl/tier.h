/* SPDX-License-Identifier: MIT */
#pragma once

/* What spoolctl status shows of the disk. */

#include <stdbool.h>

#include "ctl/proto.h"

struct json;

/** tier_ask() - asks the daemon behind @fd; up to 0.2 s for what the disk must tell it anew.
 * Return: 0; -errno. */
int tier_ask(int fd, struct spool_ctl_tier *ret);

/** tier_json() - its members. */
void tier_json(struct json *json, const struct spool_ctl_tier *tier);

/** tier_print() - lines for people; @admin: all of them. */
void tier_print(const struct spool_ctl_tier *tier, bool admin);

/** tier_print_protection() - what protects data that have spilled. */
void tier_print_protection(const struct spool_ctl_tier *tier);
