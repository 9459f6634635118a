/* SPDX-License-Identifier: MIT */
#include "common/mounts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FSTYPE "fuse.spoolfs"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Space, tab, newline and backslash are written as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) &&
		    is_octal(text[3])) {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The mount point in @line (cut out of it in place) when the filesystem is ours, or NULL. */
static char *our_mount(char *line)
{
	char *type = strstr(line, " - "); /* a field never holds a blank */
	char *field = line;

	if (!type || strncmp(type + 3, FSTYPE " ", strlen(FSTYPE) + 1) != 0)
		return NULL;
	for (int i = 0; i < 4; i++) { /* id, parent, device, root */
		field = strchr(field, ' ');
		if (!field)
			return NULL;
		field++;
	}
	field[strcspn(field, " ")] = '\0';
	unescape(field);
	return field;
}

int mounts_each(FILE *mountinfo, int (*fn)(void *arg, const char *mountpoint), void *arg)
{
	char *line = NULL;
	size_t room = 0;
	int r = 0;

	while (r == 0 && getline(&line, &room, mountinfo) > 0) {
		char *mountpoint = our_mount(line);

		if (mountpoint)
			r = fn(arg, mountpoint);
	}
	free(line);
	return r == 0 && ferror(mountinfo) ? -1 : r;
}
