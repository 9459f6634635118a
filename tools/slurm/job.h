/* SPDX-License-Identifier: MIT */
#pragma once

/* The mounts of jobs: BASE/JOBID, one for each, which goes with its job. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "slurm/settings.h"

/** struct job - whose mount it is, and how large; @gid: of its root directory */
struct job {
	uint32_t id;
	uid_t uid;
	gid_t gid;
	uint64_t size; /* bytes */
};

/** job_path() - its mount point. Return: @ret, of PATH_MAX bytes. */
const char *job_path(const struct settings *settings, uint32_t id, char *ret);

/**
 * job_begin() - mount for a job
 * What an earlier run of it has left is ended first.
 * @ret_error: of SETTINGS_ERROR bytes, set on failure
 * Return: EXIT_OK; EXIT_USAGE: options are wrong; EXIT_FAILED. Then nothing is mounted.
 */
int job_begin(const struct settings *settings, const struct job *job, char *ret_error);

/**
 * job_end() - unmount, whoever still uses it, and remove the mount point
 * The daemon wipes everything at once. There may be none: that is fine.
 * Return: 0; -errno: something is left.
 */
int job_end(const struct settings *settings, uint32_t id);

/**
 * job_sweep() - end what jobs have left whose end nobody has told us
 * @is_over: has the job with this number ended? What cannot be known is false.
 */
void job_sweep(const struct settings *settings, bool (*is_over)(uint32_t id));

/** job_is_mounted() - is there a mount of @uid's for this job? For any user. */
bool job_is_mounted(const struct settings *settings, uint32_t id, uid_t uid);
