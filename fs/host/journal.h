/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writes lines to the journal of systemd, with their level and fields, in its own protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of "NAME=value" lines. A value with a
 * newline in it has another form: "NAME", a newline, its length in 64 bits, little-endian, and the
 * value. As in syslog_line.h nobody waits, and each line goes over a socket of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/log.h"

#define SPOOL_JOURNAL_PATH "/run/systemd/journal/socket"

/** SPOOL_JOURNAL_MAX - bytes of a datagram: a line, the longest path, and 1 KiB for the rest */
#define SPOOL_JOURNAL_MAX (SPOOL_LOG_LINE_MAX + 4096 + 1024)

/**
 * spool_journal_is() - is what is written to a descriptor for the journal?
 * @stream: what the environment has as JOURNAL_STREAM: "DEVICE:INODE"; NULL: no
 */
bool spool_journal_is(const char *stream, int fd);

/**
 * spool_journal_encode() - a datagram
 * @mount: the field SPOOLFS_MOUNT; NULL: none
 * What does not fit is left out, a field at a time, the first ones last: MESSAGE is always there.
 * Return: its size in bytes.
 */
size_t spool_journal_encode(const struct spool_log_line *line, const char *mount,
			    char ret[static SPOOL_JOURNAL_MAX]);

/** spool_journal_send() - encode and send to the socket @path. Any locks. Return: 0; -errno: it is
 * lost. */
int spool_journal_send(const char *path, const struct spool_log_line *line, const char *mount);
