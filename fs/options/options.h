/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The daemon's command line and mount options: parsed, checked, with every default filled in.
 * One table (table.c) has all of them; --help is printed from it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"
#include "life/sessions.h"
#include "options/feature.h"
#include "util/log.h"

/** struct spool_machine - what defaults depend on; tests make one up */
struct spool_machine {
	uint64_t ram; /* bytes: the machine's, or the limit of our cgroup if that is lower */
	uid_t uid;    /* the user who mounts */
	gid_t gid;
	const char *backing; /* the default of backing=; NULL: none */
};

/** How requests come; auto: over rings where the kernel has them */
enum spool_transport { SPOOL_TRANSPORT_AUTO, SPOOL_TRANSPORT_URING, SPOOL_TRANSPORT_DEV };

/** Whether memory pressure shrinks the RAM budget; auto: it does where the kernel has PSI */
enum spool_pressure_option { SPOOL_PRESSURE_AUTO, SPOOL_PRESSURE_ON, SPOOL_PRESSURE_OFF };

/** SPOOL_NICE_DEFAULT - nice= was not given; it cannot have this value */
#define SPOOL_NICE_DEFAULT 100

/** SPOOL_DETACH_NEVER - detach=never */
#define SPOOL_DETACH_NEVER UINT32_MAX

enum spool_action {
	SPOOL_ACTION_MOUNT,
	SPOOL_ACTION_REMOUNT, /* change a live mount: mount -o remount */
	SPOOL_ACTION_CHECK,   /* say whether the options are right */
	SPOOL_ACTION_CLEAR,   /* unmount what is dead: --unmount-dead */
	SPOOL_ACTION_HELP,
	SPOOL_ACTION_VERSION,
};

/* A number, or a share of something that is not known before all options are parsed. UINT64_MAX:
 * the default is taken. */
struct spool_amount {
	uint64_t value;
	bool percent;
};

/** struct spool_amounts - the sizes as they were given: shares change with what they are of */
struct spool_amounts {
	struct spool_amount ram, size, nr_inodes, user_size, user_inodes, user_ram, reserve;
};

struct spool_options {
	enum spool_action action;
	bool foreground;
	bool debug;
	bool noexec;
	bool nosymfollow;
	bool writeback;
	bool xattr;
	enum spool_transport transport;
	enum spool_pressure_option pressure;
	enum spool_session_mode session;
	uint32_t grace; /* seconds */
	bool allow_other;
	bool allow_other_given;
	bool one_user;     /* the kernel checks no permissions: see fs/ops/permission.h */
	int holder_fd;     /* -1 = none */
	int ready_fd;      /* -1 = none */
	int alive_fd;      /* -1 = none; held open in all our processes, and not used */
	unsigned int mask; /* enum spool_feature: by SPOOLFS_MASK of a test, and xattr=off */
	int hurry;         /* limits of time are divided by this of a test; else 1 */
	int patience;      /* and multiplied by this */
	enum spool_log_level log_level;
	const char *source;
	const char *mountpoint; /* as given */
	const char *namespace;  /* the mount namespace to mount in; NULL: our own */
	int home;               /* the one that the worker returns to; -1: our own */
	const char *backing;    /* NULL: RAM only */
	int backing_fd;         /* the directory; -1 without */
	char backing_why[128];  /* why the default directory is not used; "" */
	bool backing_any;
	uint32_t detach; /* seconds; SPOOL_DETACH_NEVER */
	int nice;        /* SPOOL_NICE_DEFAULT: not given */
	bool encrypt;
	bool mlock;
	uint64_t threshold;     /* bytes; UINT64_MAX = none */
	uint64_t reserve;       /* bytes of the backing filesystem */
	uint64_t backing_total; /* bytes that it has, as far as is known */
	uint64_t machine_ram;   /* struct spool_machine's */
	struct spool_amounts amounts;
	struct spool_config config;
};

/**
 * spool_options_parse() - read argv
 * @argv: its lists of options are cut, but those of a remount
 * @ret: filled in; its strings point into @argv
 * @errors: gets one line when something is wrong
 * Return: 0; -EINVAL wrong use, or -ENOMEM (the line was written).
 */
int spool_options_parse(int argc, char *argv[], const struct spool_machine *machine,
			struct spool_options *ret, FILE *errors);

/**
 * spool_options_change() - change one option of a live mount
 * @now: the options that hold; @option: "name=value"; one that cannot be changed may be given the
 *	value that it has
 * @errors: gets one line when something is wrong
 * Return: 0; -EINVAL (the line was written): unknown, not to be changed, or a bad value; -ENOMEM.
 */
int spool_options_change(const struct spool_options *now, const char *option,
			 struct spool_options *ret, FILE *errors);

/**
 * spool_options_remount() - call @fn for each option of a remount that changes something
 * @fn: gets "name=value"; when it does not return 0 no further option follows
 * What mount(8) adds by itself is left out. Return: what @fn returned last; 0.
 */
int spool_options_remount(int argc, char *argv[], int (*fn)(void *arg, const char *option),
			  void *arg);

/** spool_options_help() - print the text of --help. */
void spool_options_help(FILE *out);
