/* SPDX-License-Identifier: MIT */
#pragma once

/* One served mount: what every request handler reaches through fuse_req_userdata(). */

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "engine.h"
#include "options.h"
#include "util/log.h"

#define SPOOL_MAX_WRITE (1u << 20) /* bytes a request: 256 pages, the kernel's default limit */
#define SPOOL_MAX_BACKGROUND 64u   /* kernel default 12; per mount, so several users share it */

struct spool_fs {
	struct spool_engine *engine;
	const struct spool_options *options;
	struct spool_log *log;
	struct fuse_session *session;
	pthread_key_t buffer; /* per thread: SPOOL_MAX_WRITE bytes to read into, see spool_fs_buffer() */
	_Atomic uint64_t requests;
	unsigned int n_threads;
	pid_t supervisor;
	uid_t owner; /* who mounted */
	struct timespec started; /* CLOCK_BOOTTIME */
	uint32_t missing; /* enum spool_feature: not offered by the kernel or masked; set by INIT */
	bool has_ioctl_dir;
};

/** spool_fs_buffer() - this thread's buffer of SPOOL_MAX_WRITE bytes, or NULL without memory. */
void *spool_fs_buffer(struct spool_fs *fs);

/** spool_ops() - the request handlers. */
const struct fuse_lowlevel_ops *spool_ops(void);
