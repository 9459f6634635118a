/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the tools find a daemon whose mount they cannot reach. Its supervisor holds an empty memfd
 * open, and the name of that says what it serves. /proc/PID/fd shows it to root and to the daemon's
 * user only, and it goes with the process. As any process may hold such a memfd, the tools compare
 * it with what the kernel says.
 */

#include <stdint.h>
#include <sys/types.h>

/* Names of the processes (PR_SET_NAME), as /proc shows them. */
#define SPOOL_CTL_SUPERVISOR "spoolfs-super"
#define SPOOL_CTL_WORKER "spoolfs"
#define SPOOL_CTL_JANITOR "spoolfs-janitor"

/* Bytes of a memfd's name, with its NUL: NAME_MAX without "memfd:" (mm/memfd.c). */
#define SPOOL_CTL_RECORD_NAME 250

/* Bytes of /proc's link to it, with its NUL: "/memfd:", the name, " (deleted)". */
#define SPOOL_CTL_RECORD_LINK (SPOOL_CTL_RECORD_NAME + 20)

/** struct spool_ctl_detached - mounted no more where the supervisor is, in ms of CLOCK_REALTIME:
 * since when, 0: it is mounted; and until when it is served, 0: as long as somebody uses it */
struct spool_ctl_detached {
	uint64_t since_ms, until_ms;
};

/** struct spool_ctl_record - what a record tells */
struct spool_ctl_record {
	dev_t device; /* of the filesystem */
	struct spool_ctl_detached detached;
	char mountpoint[SPOOL_CTL_RECORD_NAME]; /* where it was mounted */
};

/** spool_ctl_record_name() - the name of the memfd. A @mountpoint that is too long is cut. */
void spool_ctl_record_name(dev_t device, const struct spool_ctl_detached *detached,
			   const char *mountpoint, char ret[SPOOL_CTL_RECORD_NAME]);

/**
 * spool_ctl_record_read() - what the link of a descriptor in /proc/PID/fd tells
 * @link: as readlink(2) gives it, with a NUL at its end
 * Return: 0; -EINVAL: it is no record, with *@ret unchanged.
 */
int spool_ctl_record_read(const char *link, struct spool_ctl_record *ret);
