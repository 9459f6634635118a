/* SPDX-License-Identifier: MIT */
#include "hook/state.h"

#include <limits.h>
#include <string.h>

#include "hook/say.h"

bool state_is_one(json_object *object)
{
	return json_object_object_get_ex(object, "status", NULL) &&
	       json_object_object_get_ex(object, "id", NULL);
}

/* Return: NULL: there is no such text, or it holds a NUL. */
static const char *text_of(json_object *object, const char *name)
{
	json_object *member = input_member(object, name, json_type_string);
	const char *text = member ? json_object_get_string(member) : NULL;

	return text && strlen(text) == (size_t)json_object_get_string_len(member) ? text : NULL;
}

static bool is_file_name(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && !strchr(text, '/') && strlen(text) <= NAME_MAX;
}

int state_read(json_object *object, struct state *ret, FILE *errors)
{
	json_object *pid = input_member(object, "pid", json_type_int);
	const char *status = text_of(object, "status");
	int64_t number = pid ? json_object_get_int64(pid) : 0;

	*ret = (struct state){.id = text_of(object, "id"), .bundle = text_of(object, "bundle")};
	if (!ret->id || !is_file_name(ret->id))
		return hook_refuse(errors, "state", ret->id, "not an id (allowed: a file name)");
	if (!status)
		return hook_refuse(errors, "state", NULL, "has no status");
	ret->is_over = strcmp(status, "stopped") == 0;
	ret->is_new = strcmp(status, "creating") == 0 || strcmp(status, "created") == 0;
	if (!ret->is_over && !ret->is_new)
		return hook_refuse(errors, "state", status,
				   "not expected (allowed: of stage createRuntime or poststop)");
	if (ret->is_over)
		return 0;
	if (!ret->bundle || ret->bundle[0] != '/')
		return hook_refuse(errors, "state", ret->bundle, "has no bundle");
	if (number <= 0 || number > INT_MAX)
		return hook_refuse(errors, "state", NULL, "has no pid");
	ret->pid = (pid_t)number;
	return 0;
}
