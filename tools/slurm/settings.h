/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What plugstack.conf says behind the name of the plugin, and what a job asks for with --spool.
 * Errors are one line each: what, value, allowed.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define SETTINGS_ERROR 256u   /* bytes of a line with its NUL; a guess, longer values are cut */
#define SETTINGS_OPTIONS 512u /* bytes of options with its NUL; a guess */
#define SETTINGS_SIZE_MIN (UINT64_C(1) << 20) /* what spoolfs(8) takes for size= */
#define SETTINGS_NONE 0u                      /* no mount at all */

/**
 * struct settings - of the plugin
 * @size: of jobs that do not ask; SETTINGS_NONE: those get no mount
 * @max: that a job may ask for; UINT64_MAX: whatever it likes
 * @base: directory of the mount points
 * @options: for spoolfs(8), ahead of ours; may be empty
 * @program: spoolfs(8); empty: the one that is installed
 */
struct settings {
	uint64_t size, max;
	char base[PATH_MAX];
	char options[SETTINGS_OPTIONS];
	char program[PATH_MAX];
};

/**
 * settings_read() - "default=10G", "max=100G", "base=/run/spoolfs-slurm", "options=ram=2G,...",
 * "program=/usr/sbin/spoolfs"
 * @ret_error: of SETTINGS_ERROR bytes, set on failure
 * Return: false: one of them is wrong, and *@ret is not to be used.
 */
bool settings_read(int argc, char *const argv[], struct settings *ret, char *ret_error);

/**
 * settings_size() - what a job asks for: "10G", "none"
 * @max: as in struct settings
 * Return: false after setting @ret_error, as settings_read(); *@ret is unchanged then.
 */
bool settings_size(const char *text, uint64_t max, uint64_t *ret, char *ret_error);
