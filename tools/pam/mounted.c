/* SPDX-License-Identifier: MIT */
#include "pam/mounted.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/macros.h"

#define FSTYPE "fuse.spoolfs"

/* The fields of a line before its optional ones. */
enum { FIELD_ID, FIELD_PARENT, FIELD_DEVICE, FIELD_ROOT, FIELD_POINT, FIELD_OPTIONS, FIELDS };

struct line {
	char *fields[FIELDS];
	char *type;
	char *options; /* of the filesystem */
};

/* "\040" is a blank. In place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to = *text;
		}
	}
	*to = '\0';
}

/* Return: false: not a line of a mount table. @text is cut up. */
static bool split(char *text, struct line *ret)
{
	char *saved, *word;

	for (int i = 0; i < FIELDS; i++) {
		ret->fields[i] = strtok_r(i == 0 ? text : NULL, " \n", &saved);
		if (!ret->fields[i])
			return false;
	}
	do
		word = strtok_r(NULL, " \n", &saved);
	while (word && strcmp(word, "-") != 0);
	if (!word)
		return false;
	ret->type = strtok_r(NULL, " \n", &saved);
	word = ret->type ? strtok_r(NULL, " \n", &saved) : NULL; /* the source */
	ret->options = word ? strtok_r(NULL, " \n", &saved) : NULL;
	if (!ret->options)
		return false;
	unescape(ret->fields[FIELD_POINT]);
	return true;
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = options; (at = strstr(at, name)); at += len) {
		if ((at == options || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* Anybody may call a filesystem of his own spoolfs; who has mounted it is the kernel's word. */
static const char *judge(const struct line *line, dev_t *ret_device)
{
	unsigned int major, minor;

	if (strcmp(line->type, FSTYPE) != 0)
		return "another filesystem is mounted there";
	if (!has_option(line->options, "user_id=0"))
		return "root has not mounted it";
	if (!has_option(line->options, "allow_other"))
		return "not for all users";
	if (strcmp(line->fields[FIELD_ROOT], "/") != 0)
		return "only a part of a spoolfs is mounted there";
	if (sscanf(line->fields[FIELD_DEVICE], "%u:%u", &major, &minor) != 2)
		return "the mount table cannot be read";
	*ret_device = makedev(major, minor);
	return NULL;
}

const char *mounted_find(FILE *mountinfo, const char *path, dev_t *ret_device)
{
	const char *found = "nothing is mounted there";
	spool_cleanup(free) char *text = NULL;
	size_t size = 0;
	struct line line;

	while (getline(&text, &size, mountinfo) >= 0) {
		/* what comes later lies on top */
		if (split(text, &line) && strcmp(line.fields[FIELD_POINT], path) == 0)
			found = judge(&line, ret_device);
	}
	return ferror(mountinfo) ? "the mount table cannot be read" : found;
}
