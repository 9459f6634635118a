/* SPDX-License-Identifier: MIT */
#pragma once

/* What a mount tells of itself and its users at one moment, for spoolctl top. */

#include <stddef.h>

#include "ctl/proto.h"

/** struct top_user - @rate: requests per second since the sample before; NAN: not known;
 * @sessions: that are not over, with files or without */
struct top_user {
	struct spool_ctl_user told;
	double rate;
	uint64_t sessions;
};

/** struct top_sample - @when_ms: CLOCK_MONOTONIC; @users: @n of them, in ascending order of uids */
struct top_sample {
	uint64_t when_ms;
	struct spool_ctl_status status;
	struct spool_ctl_tier tier;
	struct top_user *users;
	size_t n;
	uint64_t sessions;      /* of all */
	uint64_t sessions_over; /* beside these, that still hold something */
};

/**
 * top_ask() - a sample of the mount that @fd is a directory of
 * Waits for no disk. Return: 0 and *@ret, to be freed by top_sample_free(); -errno.
 */
int top_ask(int fd, struct top_sample *ret);

/** top_sample_free() - frees what it holds. One that is all zeros holds nothing. */
void top_sample_free(struct top_sample *sample);
