/* SPDX-License-Identifier: MIT */
#pragma once

/* What mounts tell of themselves, in the text format of Prometheus (version 0.0.4). */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/proto.h"
#include "spoolctl/top_sample.h"

/** struct metrics_mount - what one mount has told; @up: false: it did not answer, and nothing but
 * @path is known */
struct metrics_mount {
	const char *path;
	bool up;
	struct top_sample sample;
	struct spool_ctl_lives lives;
	struct spool_ctl_requests requests;
};

/**
 * metrics_print() - all families, each with its samples of all mounts
 * @users: those of each uid as well
 * What a mount tells administrators only is left out where we were none. A limit that there is not
 * is +Inf. Errors of the stream are left to its owner.
 */
void metrics_print(FILE *out, const struct metrics_mount *mounts, size_t n, bool users);
