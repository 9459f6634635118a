/* SPDX-License-Identifier: MIT */
#include "hook/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "hook/say.h"
#include "util/macros.h"

/* Return: all of it with a NUL behind it, to be freed; NULL after a line. */
static char *read_text(FILE *file, const char *what, size_t *ret_size, FILE *errors)
{
	size_t room = 1 << 16, size = 0;
	char *text = malloc(room);

	while (text && size < INPUT_BYTES_MAX) {
		size_t n = fread(text + size, 1, room - size - 1, file);
		char *larger;

		size += n;
		if (n == 0)
			break;
		if (room - size > 1)
			continue;
		larger = realloc(text, room *= 2);
		if (!larger)
			free(text);
		text = larger;
	}
	if (!text || ferror(file) || size >= INPUT_BYTES_MAX) {
		hook_refuse(errors, what, NULL,
			    !text          ? "out of memory"
			    : ferror(file) ? "cannot be read"
					   : "too long (allowed: 16 MiB)");
		free(text);
		return NULL;
	}
	text[size] = '\0';
	*ret_size = size;
	return text;
}

json_object *input_read(FILE *file, const char *what, FILE *errors)
{
	spool_cleanup(free) char *text = NULL, *ascii = NULL;
	json_tokener *tokener;
	json_object *found;
	enum json_tokener_error error;
	size_t size = 0;

	text = read_text(file, what, &size, errors);
	if (!text)
		return NULL;
	ascii = text_ascii(text, size);
	if (!ascii) {
		hook_refuse(errors, what, strerror(errno), "not a JSON object");
		return NULL;
	}
	tokener = json_tokener_new_ex(INPUT_DEPTH_MAX);
	if (!tokener) {
		hook_refuse(errors, what, NULL, "out of memory");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	found = json_tokener_parse_ex(tokener, ascii, (int)strlen(ascii));
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	/* it takes a NUL for the end */
	if (error == json_tokener_success && json_object_is_type(found, json_type_object) &&
	    strlen(text) == size)
		return found;
	hook_refuse(errors, what,
		    error == json_tokener_success ? NULL : json_tokener_error_desc(error),
		    "not a JSON object");
	json_object_put(found);
	return NULL;
}

json_object *input_member(json_object *object, const char *name, enum json_type type)
{
	json_object *found;

	if (!json_object_object_get_ex(object, name, &found) || !json_object_is_type(found, type))
		return NULL;
	return found;
}
