/* SPDX-License-Identifier: MIT */
#include "csi/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "util/macros.h"
#include "util/text.h"

/* Attributes with this in front are the kubelet's: the pod, and that the volume is inline. */
#define KUBELETS "csi.storage.k8s.io/"

/* Fields of csi.v1. */
enum publish {
	PUBLISH_VOLUME = 1,
	PUBLISH_TARGET = 4,
	PUBLISH_CAPABILITY,
	PUBLISH_READONLY,
	PUBLISH_CONTEXT = 8
};
enum unpublish { UNPUBLISH_VOLUME = 1, UNPUBLISH_TARGET };
enum capability { CAPABILITY_BLOCK = 1, CAPABILITY_MOUNT };
enum entry { ENTRY_KEY = 1, ENTRY_VALUE };

static enum grpc_status refuse(char error[GRPC_ERROR], const char *value, const char *why)
{
	char shown[GRPC_ERROR / 4];

	snprintf(error, GRPC_ERROR, "%s%s%s", spool_text_show(value, shown, sizeof(shown)),
		 *value ? ": " : "", why);
	return GRPC_INVALID_ARGUMENT;
}

static enum grpc_status no_memory(char error[GRPC_ERROR])
{
	snprintf(error, GRPC_ERROR, "out of memory");
	return GRPC_INTERNAL;
}

static enum grpc_status take_text(const struct proto_field *field, char **ret,
				  char error[GRPC_ERROR])
{
	char *text = NULL;
	int r = field->is_bytes ? proto_text(field->bytes, &text) : -EINVAL;

	if (r == -ENOMEM)
		return no_memory(error);
	if (r < 0)
		return refuse(error, "", "not a text");
	free(*ret);
	*ret = text;
	return GRPC_OK;
}

/* Options without a value, such as noexec, have "true" or nothing here. */
static enum grpc_status add_option(struct request *request, const char *key, const char *value,
				   char error[GRPC_ERROR])
{
	bool is_flag = *value == '\0' || strcmp(value, "true") == 0;
	spool_cleanup(free) char *option = NULL;

	if (strcmp(key, KUBELETS "ephemeral") == 0)
		request->is_lasting = strcmp(value, "true") != 0;
	if (strncmp(key, KUBELETS, strlen(KUBELETS)) == 0)
		return GRPC_OK;
	if (strchr(key, '=') || !options_for_users(key))
		return refuse(error, key, "not expected (allowed: " OPTIONS_FOR_USERS ")");
	if (strchr(value, ',')) /* another option would begin */
		return refuse(error, value, "not expected (allowed: one value)");
	if (asprintf(&option, "%s%s%s", key, is_flag ? "" : "=", is_flag ? "" : value) < 0) {
		option = NULL;
		return no_memory(error);
	}
	return options_join(&request->options, option) < 0 ? no_memory(error) : GRPC_OK;
}

static enum grpc_status take_attribute(struct request *request, struct proto_bytes entry,
				       char error[GRPC_ERROR])
{
	spool_cleanup(free) char *key = NULL, *value = NULL;
	enum grpc_status status = GRPC_OK;
	struct proto_field field;
	int r;

	while (status == GRPC_OK && (r = proto_next(&entry, &field)) > 0) {
		if (field.number == ENTRY_KEY)
			status = take_text(&field, &key, error);
		else if (field.number == ENTRY_VALUE)
			status = take_text(&field, &value, error);
	}
	if (status == GRPC_OK && (r < 0 || !key))
		return refuse(error, "volume_context", "not a map");
	return status == GRPC_OK ? add_option(request, key, value ? value : "", error) : status;
}

static enum grpc_status take_capability(struct request *request, struct proto_bytes message,
					char error[GRPC_ERROR])
{
	struct proto_field field;
	int r;

	request->has_capability = true;
	while ((r = proto_next(&message, &field)) > 0) {
		if (field.number == CAPABILITY_BLOCK)
			request->is_block = true;
	}
	return r < 0 ? refuse(error, "volume_capability", "not a message") : GRPC_OK;
}

static enum grpc_status take_publish(struct request *request, const struct proto_field *field,
				     char error[GRPC_ERROR])
{
	switch (field->number) {
	case PUBLISH_VOLUME:
		return take_text(field, &request->volume, error);
	case PUBLISH_TARGET:
		return take_text(field, &request->target, error);
	case PUBLISH_CAPABILITY:
		return take_capability(request, field->bytes, error);
	case PUBLISH_READONLY:
		request->is_readonly = field->value != 0;
		return GRPC_OK;
	case PUBLISH_CONTEXT:
		return take_attribute(request, field->bytes, error);
	default:
		return GRPC_OK; /* as in later versions of CSI */
	}
}

static enum grpc_status take_unpublish(struct request *request, const struct proto_field *field,
				       char error[GRPC_ERROR])
{
	if (field->number == UNPUBLISH_VOLUME)
		return take_text(field, &request->volume, error);
	if (field->number == UNPUBLISH_TARGET)
		return take_text(field, &request->target, error);
	return GRPC_OK;
}

/* What both requests must have. */
static enum grpc_status check(const struct request *request, char error[GRPC_ERROR])
{
	if (!request->volume || !*request->volume)
		return refuse(error, "volume_id", "is missing");
	if (!request->target || request->target[0] != '/' || strstr(request->target, "/.."))
		return refuse(error, "target_path",
			      "is missing (allowed: an absolute path without ..)");
	return GRPC_OK;
}

enum grpc_status request_read_publish(struct proto_bytes message, struct request *ret,
				      char error[GRPC_ERROR])
{
	enum grpc_status status = GRPC_OK;
	struct proto_field field;
	int r = 0;

	*ret = (struct request){.options = strdup("")};
	if (!ret->options)
		return no_memory(error);
	while (status == GRPC_OK && (r = proto_next(&message, &field)) > 0)
		status = take_publish(ret, &field, error);
	if (status == GRPC_OK && r < 0)
		status = refuse(error, "", "not a message");
	if (status == GRPC_OK)
		status = check(ret, error);
	if (status != GRPC_OK)
		return status;
	if (!ret->has_capability)
		return refuse(error, "volume_capability", "is missing");
	if (ret->is_block)
		return refuse(error, "volume_capability", "block (allowed: mount)");
	if (ret->is_readonly)
		return refuse(error, "readonly", "nobody could write (allowed: false)");
	if (ret->is_lasting)
		return refuse(error, KUBELETS "ephemeral",
			      "false (allowed: true, as nothing outlives the pod)");
	return GRPC_OK;
}

enum grpc_status request_read_unpublish(struct proto_bytes message, struct request *ret,
					char error[GRPC_ERROR])
{
	enum grpc_status status = GRPC_OK;
	struct proto_field field;
	int r = 0;

	*ret = (struct request){0};
	while (status == GRPC_OK && (r = proto_next(&message, &field)) > 0)
		status = take_unpublish(ret, &field, error);
	if (status == GRPC_OK && r < 0)
		status = refuse(error, "", "not a message");
	return status == GRPC_OK ? check(ret, error) : status;
}

void request_free(struct request *request)
{
	free(request->volume);
	free(request->target);
	free(request->options);
	*request = (struct request){0};
}
