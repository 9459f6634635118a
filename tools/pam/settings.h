/* SPDX-License-Identifier: MIT */
#pragma once

/* What stands behind pam_spoolfs.so in a file of /etc/pam.d. */

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_MOUNT "/run/spoolfs"
#define SETTINGS_PATH 1024u /* bytes of all paths of an option with their ends; a guess */
#define SETTINGS_COVERS 8u  /* a guess */
#define SETTINGS_ERROR 256u /* bytes of a line */

/**
 * struct settings - @cover: @n_cover directories that the user's own is laid over, which lie in
 * @text; @is_optional: a login without it is better than none
 */
struct settings {
	char mount[SETTINGS_PATH];
	const char *cover[SETTINGS_COVERS];
	size_t n_cover;
	bool is_optional;
	bool is_debug;
	char text[SETTINGS_PATH];
};

/**
 * settings_read() - from the arguments of a module
 * @ret: refers to itself, so that it cannot be copied
 * Return: true; false: one of them is wrong, with a line at @ret_error: what, and what is allowed.
 */
bool settings_read(int argc, const char *const argv[], struct settings *ret,
		   char ret_error[static SETTINGS_ERROR]);
