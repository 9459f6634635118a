/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The daemon's command line and mount options: parsed, checked, with every default filled in.
 * One table (options_table.c) names them all; --help is printed from it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine.h"
#include "util/log.h"

/** Features of kernel and libfuse that -o mask= can hide, to test that we live without them */
enum spool_feature {
	SPOOL_FEATURE_TMPFILE = 1 << 0,
	SPOOL_FEATURE_READDIRPLUS = 1 << 1,
	SPOOL_FEATURE_RENAME2 = 1 << 2,
	SPOOL_FEATURE_COPY_FILE_RANGE = 1 << 3,
	SPOOL_FEATURE_FALLOCATE = 1 << 4,
	SPOOL_FEATURE_LSEEK = 1 << 5,
	SPOOL_FEATURE_DONT_MASK = 1 << 6,
	SPOOL_FEATURE_POSIX_ACL = 1 << 7,
	SPOOL_FEATURE_PARALLEL_DIROPS = 1 << 8,
	SPOOL_FEATURE_IOCTL_DIR = 1 << 9,
	SPOOL_FEATURE_ASYNC_READ = 1 << 10,
	SPOOL_FEATURE_ATOMIC_O_TRUNC = 1 << 11,
	SPOOL_FEATURE_KILLPRIV = 1 << 12,
	SPOOL_FEATURE_URING = 1 << 13,
};
#define SPOOL_FEATURES_N 14

/** spool_feature_name() - "tmpfile" ... of feature bit number @i, or NULL beyond the last. */
const char *spool_feature_name(unsigned int i);

/** struct spool_machine - what defaults depend on; tests pass their own */
struct spool_machine {
	uint64_t ram; /* bytes: the machine's, or the limit of our cgroup if that is lower */
	uid_t uid;    /* who mounts */
	gid_t gid;
};

/** How requests travel; auto takes the rings where they can be had */
enum spool_transport { SPOOL_TRANSPORT_AUTO, SPOOL_TRANSPORT_URING, SPOOL_TRANSPORT_DEV };

enum spool_action { SPOOL_ACTION_MOUNT, SPOOL_ACTION_HELP, SPOOL_ACTION_VERSION };

struct spool_options {
	enum spool_action action;
	bool foreground;
	bool debug;
	bool noexec;
	bool writeback;
	enum spool_transport transport;
	bool allow_other;
	bool allow_other_given;
	int holder_fd;     /* -1 = none */
	int ready_fd;      /* -1 = none */
	unsigned int mask; /* enum spool_feature */
	enum spool_log_level log_level;
	const char *source;
	const char *mountpoint; /* as given */
	struct spool_config config;
};

/**
 * spool_options_parse() - read argv
 * @ret: filled in; its strings point into @argv
 * @errors: gets one line when something is wrong
 * Return: 0; -EINVAL wrong use (the line was written).
 */
int spool_options_parse(int argc, char *argv[], const struct spool_machine *machine,
			struct spool_options *ret, FILE *errors);

/** spool_options_help() - what --help prints. */
void spool_options_help(FILE *out);
