/* SPDX-License-Identifier: MIT */
#include "pam/settings.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

#define SHOWN 81 /* of an argument in a line that says what is wrong with it */

#define PATHS "absolute paths without symbolic links, \".\", \"..\" and \"/\" at the end"

/* In the form that mount tables have, so that it can be compared. */
static bool is_clean(const char *path)
{
	if (path[0] != '/' || path[1] == '\0')
		return false;
	for (const char *part = path; *part; part += strcspn(part, "/")) {
		size_t len = strcspn(++part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return true;
}

/* Is @path @directory, or below it? */
static bool is_within(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool wrong(char *ret_error, const char *argument, const char *why)
{
	char shown[SHOWN];

	snprintf(ret_error, SETTINGS_ERROR, "%s: %s",
		 spool_text_show(argument, shown, sizeof(shown)), why);
	return false;
}

static bool read_mount(const char *argument, const char *path, struct settings *ret,
		       char *ret_error)
{
	if (!is_clean(path) || strlen(path) >= sizeof(ret->mount))
		return wrong(ret_error, argument, "not a path (allowed: " PATHS ")");
	strcpy(ret->mount, path);
	return true;
}

static bool read_cover(const char *argument, const char *list, struct settings *ret,
		       char *ret_error)
{
	char *saved;

	ret->n_cover = 0;
	if (strlen(list) >= sizeof(ret->text))
		return wrong(ret_error, argument, "too long (allowed: 1023 bytes)");
	strcpy(ret->text, list);
	for (const char *path = strtok_r(ret->text, ",", &saved); path;
	     path = strtok_r(NULL, ",", &saved)) {
		if (!is_clean(path))
			return wrong(ret_error, argument,
				     "not a list of paths (allowed: " PATHS
				     ", with commas between them)");
		if (ret->n_cover == SETTINGS_COVERS)
			return wrong(ret_error, argument, "too many paths (allowed: 8)");
		ret->cover[ret->n_cover++] = path;
	}
	if (ret->n_cover == 0)
		return wrong(ret_error, argument, "empty (allowed: /tmp,/var/tmp and the like)");
	return true;
}

/* What lies below a covered place cannot be reached any more. */
static bool check_cover(const struct settings *settings, char *ret_error)
{
	for (size_t i = 0; i < settings->n_cover; i++) {
		const char *place = settings->cover[i];

		if (is_within(settings->mount, place) || is_within(place, settings->mount))
			return wrong(ret_error, place,
				     "cover= and mount= lie one in the other "
				     "(allowed: places apart)");
		for (size_t j = 0; j < settings->n_cover; j++) {
			if (j != i && is_within(settings->cover[j], place))
				return wrong(ret_error, place,
					     "covers another place of cover= "
					     "(allowed: places apart)");
		}
	}
	return true;
}

static bool read_one(const char *argument, struct settings *ret, char *ret_error)
{
	if (strncmp(argument, "mount=", 6) == 0)
		return read_mount(argument, argument + 6, ret, ret_error);
	if (strncmp(argument, "cover=", 6) == 0)
		return read_cover(argument, argument + 6, ret, ret_error);
	if (strcmp(argument, "required") == 0)
		ret->is_optional = false;
	else if (strcmp(argument, "optional") == 0)
		ret->is_optional = true;
	else if (strcmp(argument, "debug") == 0)
		ret->is_debug = true;
	else
		return wrong(ret_error, argument,
			     "no option (allowed: mount=PATH, cover=PATH,..., "
			     "required, optional, debug)");
	return true;
}

bool settings_read(int argc, const char *const argv[], struct settings *ret,
		   char ret_error[static SETTINGS_ERROR])
{
	*ret = (struct settings){.mount = SETTINGS_MOUNT};
	for (int i = 0; i < argc; i++) {
		if (!read_one(argv[i], ret, ret_error))
			return false;
	}
	return check_cover(ret, ret_error);
}
