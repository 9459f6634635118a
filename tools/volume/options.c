/* SPDX-License-Identifier: MIT */
#include "volume/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "util/macros.h"
#include "util/text.h"

#define TEXT_SHOWN 64u /* bytes of what stands in a message, at most; a guess */

/* What comes from anybody, for a line. */
static void show(const char *text, char *ret, size_t size)
{
	char copy[TEXT_SHOWN];
	FILE *out = fmemopen(ret, size, "w");

	snprintf(copy, sizeof(copy), "%s", text);
	*ret = '\0';
	if (!out)
		return;
	spool_text_put(out, copy);
	fclose(out);
}

/* Would it be one option in a list? Commas end one, and backslashes join two. */
static bool is_one(const char *text, const char *also)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f || strchr(",\\", *p) || strchr(also, *p))
			return false;
	}
	return true;
}

/* Return: why a volume cannot have it; NULL: the daemon decides. */
static const char *not_for_a_volume(const char *key, const char *value)
{
	if (strcmp(key, "layout") == 0 && strcmp(value, "shared") != 0)
		return "not for a volume (allowed: shared)";
	if (strcmp(key, "remount") == 0)
		return "not for a volume (allowed: remove it and create it anew)";
	return NULL;
}

int volume_options_add(char **list, const char *key, const char *value, char *why, size_t size)
{
	char shown_key[4 * TEXT_SHOWN], shown[4 * TEXT_SHOWN];
	spool_cleanup(free) char *option = NULL;
	const char *wrong = not_for_a_volume(key, value);

	show(key, shown_key, sizeof(shown_key));
	show(value, shown, sizeof(shown));
	if (!*key || !is_one(key, "=")) {
		snprintf(why, size, "%s: not the name of an option (allowed: see spoolfs --help)",
			 shown_key);
		return -EINVAL;
	}
	if (!is_one(value, "")) {
		snprintf(why, size,
			 "%s=%s: not one value (allowed: no comma, backslash or control character)",
			 shown_key, shown);
		return -EINVAL;
	}
	if (wrong) {
		snprintf(why, size, "%s%s%s: %s", key, *value ? "=" : "", shown, wrong);
		return -EINVAL;
	}
	if ((*list ? strlen(*list) : 0) + strlen(key) + strlen(value) + 3 > VOLUME_OPTIONS_MAX) {
		snprintf(why, size, "%s: too many options (allowed: %u bytes)", shown_key,
			 VOLUME_OPTIONS_MAX);
		return -EINVAL;
	}
	if (asprintf(&option, "%s%s%s", key, *value ? "=" : "", value) < 0)
		option = NULL;
	if (!option || options_join(list, option) < 0) {
		snprintf(why, size, "no memory for the options");
		return -ENOMEM;
	}
	return 0;
}
