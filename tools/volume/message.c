/* SPDX-License-Identifier: MIT */
#include "volume/message.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "util/macros.h"

/* What there is of it is what json-c calls an object. */
static json_object *object_of(const struct message *message)
{
	return (json_object *)(uintptr_t)message;
}

struct message *message_read(const char *text, size_t size, char *why, size_t why_size)
{
	json_tokener *tokener = json_tokener_new_ex(MESSAGE_DEPTH_MAX);
	spool_cleanup(free) char *ascii = NULL;
	enum json_tokener_error error;
	json_object *found;

	if (!tokener || size > INT_MAX / 3) {
		snprintf(why, why_size, "no memory for it");
		return NULL;
	}
	ascii = text_ascii(text, size);
	if (!ascii) {
		json_tokener_free(tokener);
		snprintf(why, why_size, "not a JSON object: %s", strerror(errno));
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	found = json_tokener_parse_ex(tokener, ascii, (int)strlen(ascii));
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue) { /* a number ends where something follows */
		found = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
	}
	json_tokener_free(tokener);
	if (error == json_tokener_success && json_object_is_type(found, json_type_object))
		return (struct message *)found;
	snprintf(why, why_size, "not a JSON object: %s",
		 error == json_tokener_success ? "another value" : json_tokener_error_desc(error));
	json_object_put(found);
	return NULL;
}

void message_free(struct message *message)
{
	json_object_put(object_of(message));
}

static const char *text_of(json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

const char *message_string(const struct message *message, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object_of(message), key, &value) ? text_of(value) : NULL;
}

bool message_number(const struct message *message, const char *key, uint64_t max, uint64_t *ret)
{
	json_object *value;
	uint64_t number;

	if (!json_object_object_get_ex(object_of(message), key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	number = json_object_get_uint64(value);
	if (number > max)
		return false;
	*ret = number;
	return true;
}

bool message_bool(const struct message *message, const char *key, bool *ret)
{
	json_object *value;

	if (!json_object_object_get_ex(object_of(message), key, &value) ||
	    !json_object_is_type(value, json_type_boolean))
		return false;
	*ret = json_object_get_boolean(value);
	return true;
}

int message_strings(const struct message *message, const char *key,
		    int (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	json_object *object;
	int r = 0;

	if (!json_object_object_get_ex(object_of(message), key, &object) || !object)
		return 0;
	if (!json_object_is_type(object, json_type_object))
		return -EINVAL;
	json_object_object_foreach(object, name, value)
	{
		const char *text = text_of(value);

		if (r == 0)
			r = text ? fn(arg, name, text) : -EINVAL;
	}
	return r;
}

int message_objects(const struct message *message, const char *key,
		    int (*fn)(void *arg, const struct message *element), void *arg)
{
	json_object *array;
	int r = 0;

	if (!json_object_object_get_ex(object_of(message), key, &array) ||
	    !json_object_is_type(array, json_type_array))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
		json_object *element = json_object_array_get_idx(array, i);

		r = json_object_is_type(element, json_type_object)
			    ? fn(arg, (const struct message *)element)
			    : -EINVAL;
	}
	return r;
}
