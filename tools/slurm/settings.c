/* SPDX-License-Identifier: MIT */
#include "slurm/settings.h"

#include <stdio.h>
#include <string.h>

#include "util/macros.h"
#include "util/parse.h"
#include "util/text.h"

#define BASE "/run/spoolfs-slurm"

#define SHOWN 101 /* of a value in a line that says what is wrong with it */

static bool wrong(char *ret_error, const char *value, const char *why)
{
	char shown[SHOWN];

	snprintf(ret_error, SETTINGS_ERROR, "%s: %s", spool_text_show(value, shown, sizeof(shown)),
		 why);
	return false;
}

bool settings_size(const char *text, uint64_t max, uint64_t *ret, char *ret_error)
{
	char shown[SHOWN], limit[16];
	uint64_t size;

	if (strcmp(text, "none") == 0) {
		*ret = SETTINGS_NONE;
		return true;
	}
	if (spool_parse_bytes(text, &size) < 0)
		return wrong(ret_error, text, "not a size (allowed: bytes, as 10G, or none)");
	if (size < SETTINGS_SIZE_MIN)
		return wrong(ret_error, text, "too small (allowed: at least 1M, or none)");
	if (size > max) {
		spool_format_bytes(max, limit);
		snprintf(ret_error, SETTINGS_ERROR, "%s: too large (allowed: up to %s)",
			 spool_text_show(text, shown, sizeof(shown)), limit);
		return false;
	}
	*ret = size;
	return true;
}

static bool set_path(char *ret, const char *argument, const char *path, char *ret_error)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return wrong(ret_error, argument, "not a path (allowed: absolute ones)");
	strcpy(ret, path);
	return true;
}

static bool set_default(struct settings *ret, const char *argument, const char *value,
			char *ret_error)
{
	(void)argument;
	return settings_size(value, UINT64_MAX, &ret->size, ret_error);
}

static bool set_max(struct settings *ret, const char *argument, const char *value, char *ret_error)
{
	if (!settings_size(value, UINT64_MAX, &ret->max, ret_error))
		return false;
	if (ret->max == SETTINGS_NONE)
		return wrong(ret_error, argument, "not a size (allowed: bytes, as 100G)");
	return true;
}

static bool set_base(struct settings *ret, const char *argument, const char *value, char *ret_error)
{
	return set_path(ret->base, argument, value, ret_error);
}

static bool set_program(struct settings *ret, const char *argument, const char *value,
			char *ret_error)
{
	return set_path(ret->program, argument, value, ret_error);
}

/* The daemon judges them when it mounts. */
static bool set_options(struct settings *ret, const char *argument, const char *value,
			char *ret_error)
{
	if (strlen(value) >= sizeof(ret->options))
		return wrong(ret_error, argument, "too long (allowed: 511 bytes)");
	strcpy(ret->options, value);
	return true;
}

static const struct {
	const char *name;
	bool (*set)(struct settings *ret, const char *argument, const char *value, char *ret_error);
} names[] = {
	{"default=", set_default}, {"max=", set_max},         {"base=", set_base},
	{"options=", set_options}, {"program=", set_program},
};

static bool read_one(const char *argument, struct settings *ret, char *ret_error)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i].name);

		if (strncmp(argument, names[i].name, len) == 0)
			return names[i].set(ret, argument, argument + len, ret_error);
	}
	return wrong(ret_error, argument,
		     "not expected (allowed: default=, max=, base=, options=, program=)");
}

bool settings_read(int argc, char *const argv[], struct settings *ret, char *ret_error)
{
	*ret = (struct settings){.size = SETTINGS_NONE, .max = UINT64_MAX, .base = BASE};
	for (int i = 0; i < argc; i++) {
		if (!read_one(argv[i], ret, ret_error))
			return false;
	}
	if (ret->size > ret->max)
		return wrong(ret_error, "default", "larger than max (allowed: up to max)");
	return true;
}
