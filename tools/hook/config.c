/* SPDX-License-Identifier: MIT */
#include "hook/config.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "hook/say.h"
#include "util/macros.h"

#define CRUN_ANNOTATION "run.oci.hooks.stderr"

int config_annotation(json_object *object, const char *name, const char **ret, FILE *errors)
{
	json_object *all, *value;

	*ret = NULL;
	if (!json_object_object_get_ex(object, "annotations", &all) || !all)
		return 0;
	if (!json_object_is_type(all, json_type_object))
		return hook_refuse(errors, "annotations", NULL, "not an object");
	if (!json_object_object_get_ex(all, name, &value))
		return 0;
	if (!json_object_is_type(value, json_type_string) ||
	    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return hook_refuse(errors, "annotations", name, "not a text");
	*ret = json_object_get_string(value);
	return 0;
}

static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};

/* "TMPDIR=..." of an environment */
static bool is_setting(json_object *entry)
{
	const char *text = json_object_get_string(entry);

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i]);

		if (strncmp(text, names[i], length) == 0 && text[length] == '=')
			return true;
	}
	return false;
}

/* Takes @entry, which may be NULL for want of memory. */
static int append(json_object *array, json_object *entry)
{
	if (entry && json_object_array_add(array, entry) == 0)
		return 0;
	json_object_put(entry);
	return -1;
}

/* Return: 0; -1, mostly as there is no memory, with @to perhaps half filled. */
static int copy_others(json_object *env, json_object *to)
{
	for (size_t i = 0; env && i < json_object_array_length(env); i++) {
		json_object *entry = json_object_array_get_idx(env, i);

		if (!json_object_is_type(entry, json_type_string))
			return -1;
		if (!is_setting(entry) && append(to, json_object_get(entry)) < 0)
			return -1;
	}
	return 0;
}

static int add_settings(json_object *to, const char *path)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		char text[PATH_MAX + 16];

		if (snprintf(text, sizeof(text), "%s=%s", names[i], path) >= (int)sizeof(text) ||
		    append(to, json_object_new_string(text)) < 0)
			return -1;
	}
	return 0;
}

int config_set_tmpdir(json_object *config, const char *path, FILE *errors)
{
	json_object *process, *env = NULL, *changed;

	if (!json_object_object_get_ex(config, "process", &process))
		return 0; /* nothing is run in it */
	if (!json_object_is_type(process, json_type_object))
		return hook_refuse(errors, "process", NULL, "not an object");
	json_object_object_get_ex(process, "env", &env);
	changed = json_object_new_array();
	if ((env && !json_object_is_type(env, json_type_array)) || !changed ||
	    copy_others(env, changed) < 0 || add_settings(changed, path) < 0 ||
	    json_object_object_add(process, "env", changed) < 0) {
		json_object_put(changed);
		return hook_refuse(errors, "process.env", NULL, "not a list of texts");
	}
	return 0;
}

int config_keep_errors(json_object *config, FILE *errors)
{
	json_object *all = NULL;

	if (json_object_object_get_ex(config, "annotations", &all) &&
	    !json_object_is_type(all, json_type_object))
		return hook_refuse(errors, "annotations", NULL, "not an object");
	if (json_object_object_get_ex(all, CRUN_ANNOTATION, NULL))
		return 0;
	if (!all)
		return 0; /* no annotation has asked for us */
	if (json_object_object_add(all, CRUN_ANNOTATION, json_object_new_string("/dev/stderr")) < 0)
		return hook_refuse(errors, "annotations", NULL, "out of memory");
	return 0;
}
