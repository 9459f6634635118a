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

#include "ctl/proto.h"
#include "engine/engine.h"
#include "options/options.h"
#include "security/sandbox.h"
#include "spill/backing_dir.h"
#include "util/lock.h"
#include "util/log.h"

struct spool_arena;
struct spool_control_server;
struct spool_for_spill;
struct spool_devfuse;
struct spool_dirs;
struct spool_for_disk;
struct spool_notify;
struct spool_origins;
struct spool_for_release;
struct spool_pressure;
struct spool_pulses;
struct spool_rings;
struct spool_sessions;
struct spool_shared;
struct spool_for_ram;
struct spool_fs;
struct spool_ahead_threads;
struct spool_writeback;
struct spool_subuids;
struct spool_life;
struct spool_reaper;
struct spool_reclaim;
struct spool_removals;
struct spool_tally;
struct spool_waiting;
struct spool_wire_statx_out;
struct spool_waitq;
struct spool_witness;

#define SPOOL_OPCODES SPOOL_CTL_OPCODES /* counted each by itself; the highest is 53 (7.45) */
/* Background requests: those that no system call waits for, as asynchronous reads, read-ahead and
 * page-outs. The kernel has one bound for those of all users (12 by default, 65535 at most). One
 * user's asynchronous reads of a slow disk must not stop the read-ahead of the others. */
#define SPOOL_MAX_BACKGROUND 65535u

/* Signals for callers that are remembered (waitq.c): more than come while a request is on its way
 * to its queue. A guess. */
#define SPOOL_INTERRUPTS 256u

/**
 * struct spool_more_ops - handlers of what libfuse does not know; nothing of them waits
 * @statx: FUSE_STATX of @ino. Return: 0; -errno.
 */
struct spool_more_ops {
	int (*statx)(struct spool_fs *fs, uint64_t ino, struct spool_wire_statx_out *ret);
};

struct spool_fs {
	struct spool_engine *engine;
	const struct spool_options *options; /* as at the start */
	struct spool_mutex set_lock;
	struct spool_options live; /* set_lock: with what was changed since */
	struct spool_log *log;
	struct fuse_session *session;
	const struct spool_more_ops *more_ops;
	struct spool_devfuse *devfuse;
	struct spool_rings *rings; /* NULL: all goes over /dev/fuse; set by INIT */
	struct spool_dirs *dirs;
	struct spool_origins *origins;
	struct spool_waitq *waitqs[SPOOL_CTL_WAITING_N]; /* NULL: it has none of these */
	_Atomic uint64_t interrupts[SPOOL_INTERRUPTS];   /* of waitq.c; 0: none */
	atomic_uint n_interrupts;
	struct spool_for_release *for_release;
	struct spool_reclaim *reclaim;
	struct spool_waiting *waiting; /* NULL: nothing is counted */
	struct spool_notify *notify;
	struct spool_removals *removals;
	struct spool_for_disk *for_disk;
	struct spool_pressure *pressure; /* NULL where there is none */
	struct spool_for_ram *for_ram;   /* this and writeback: NULL without a disk */
	struct spool_writeback *writeback;
	struct spool_ahead_threads *ahead;
	struct spool_for_spill *for_spill; /* NULL without a disk, too */
	struct spool_backing_info backing; /* what it can do */
	const struct spool_arena *arena;
	struct spool_life *life;
	struct spool_sessions *sessions; /* of life */
	struct spool_reaper *reaper;
	struct spool_control_server *control_server; /* NULL: not yet */
	struct spool_subuids *subuids;
	struct spool_sandbox sandbox;
	int nice;                      /* of the worker's threads */
	struct spool_witness *witness; /* is asked for what the worker may not look at */
	pthread_key_t buffer;  /* per thread: max_write bytes to read into, see reply_buffer() */
	pthread_key_t current; /* per thread: the struct spool_request that is processed */
	size_t max_write;      /* bytes of data in the largest request */
	int inited;            /* eventfd: written when the transport stands */
	_Atomic uint64_t requests;
	_Atomic uint64_t retries; /* attempts beyond the first of each request */
	_Atomic uint64_t by_opcode[SPOOL_OPCODES];
	struct spool_tally *by_payer;
	unsigned int n_threads;
	char transport_why[128]; /* set by INIT */
	pid_t supervisor;
	struct spool_pulses *pulses; /* NULL: nobody watches */
	struct spool_shared *shared; /* NULL: there is no supervisor */
	uid_t owner;                 /* who mounted */
	struct timespec started;     /* CLOCK_BOOTTIME */
	uint32_t missing; /* enum spool_feature: not offered by the kernel or masked; set by INIT */
	bool setxattr_ext;    /* the longer fuse_setxattr_in comes; set by INIT */
	atomic_bool refuses;  /* all is answered ENOTCONN: the mount is about to go (farewell.h) */
	atomic_bool stopping; /* no request is deferred any more */
};

/** spool_ops() - the request handlers. */
const struct fuse_lowlevel_ops *spool_ops(void);

/** spool_more_ops() - those that libfuse has no place for. */
const struct spool_more_ops *spool_more_ops(void);
