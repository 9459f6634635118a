/* SPDX-License-Identifier: MIT */
#include "hook/wish.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "hook/say.h"
#include "util/macros.h"

/* Programs that do not ask TMPDIR find it here as well. */
#define WISH_PATH "/tmp"

#define WHAT "annotation " WISH_ANNOTATION

/* Each part of it is a name. */
static bool is_plain(const char *path)
{
	while (*path == '/') {
		size_t length = strcspn(++path, "/");

		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += length;
	}
	return *path == '\0';
}

static int set_path(struct wish *wish, const char *item, FILE *errors)
{
	const char *path = item + strlen("path=");

	if (path[0] != '/' || !is_plain(path))
		return hook_refuse(
			errors, WHAT, item,
			"not a path (allowed: absolute, without ., .. and a slash at the "
			"end)");
	free(wish->path);
	wish->path = strdup(path);
	return wish->path ? 0 : hook_refuse(errors, WHAT, NULL, "out of memory");
}

static int add(struct wish *wish, const char *item, FILE *errors)
{
	/* "10G" alone is what is mostly wanted */
	bool is_size = isdigit((unsigned char)item[0]);
	spool_cleanup(free) char *option = NULL;

	if (strncmp(item, "path=", strlen("path=")) == 0)
		return set_path(wish, item, errors);
	if (!is_size && !options_for_users(item))
		return hook_refuse(errors, WHAT, item,
				   "not expected (allowed: a size, path=, " OPTIONS_FOR_USERS ")");
	if (asprintf(&option, "%s%s", is_size ? "size=" : "", item) < 0) {
		option = NULL; /* undefined so far */
		return hook_refuse(errors, WHAT, NULL, "out of memory");
	}
	if (options_join(&wish->options, option) < 0)
		return hook_refuse(errors, WHAT, NULL, "out of memory");
	return 0;
}

int wish_read(const char *text, struct wish *ret, FILE *errors)
{
	spool_cleanup(free) char *copy = strdup(text);
	char *rest = copy, *item;

	*ret = (struct wish){.path = strdup(WISH_PATH), .options = strdup("")};
	if (!copy || !ret->path || !ret->options)
		return hook_refuse(errors, WHAT, NULL, "out of memory");
	while (*text && (item = strsep(&rest, ", "))) {
		if (add(ret, item, errors) < 0)
			return -1;
	}
	return 0;
}

void wish_free(struct wish *wish)
{
	free(wish->path);
	free(wish->options);
	*wish = (struct wish){0};
}
