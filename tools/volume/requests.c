/* SPDX-License-Identifier: MIT */
#include "volume/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "util/macros.h"
#include "volume/message.h"
#include "volume/options.h"

#define HTTP_OK 200u
#define HTTP_BAD_REQUEST 400u
#define HTTP_NOT_FOUND 404u
#define HTTP_FAILED 500u /* podman believes no "Err" of another status */

/* Bytes of an id, and of what may be a name. Docker's ids have 64; guesses. */
#define ID_MAX ((size_t)256)
#define NAME_MAX_ASKED ((size_t)1024)

/* A request that is understood. */
struct call {
	struct life *life;
	const char *dir;
	const struct volume_engine *engine;
	const struct message *body;
	const char *name; /* NULL: it needs none */
	const char *id;
	struct json json;   /* the answer, in which an object is open */
	char *options;      /* of a volume that is made */
	char why[LIFE_WHY]; /* "" nothing is wrong */
};

/* @answer adds to the answer, or writes to @why. */
struct kind {
	const char *path;
	bool name, id; /* what it needs */
	void (*answer)(struct call *call);
};

static char *path_of(const struct call *call, const struct volume *volume, char ret[PATH_MAX])
{
	*ret = '\0'; /* that of a volume that is not mounted is of no use to anybody */
	if (volume->device)
		mounting_path(call->dir, volume->name, ret);
	return ret;
}

static void activate(struct call *call)
{
	life_reconcile(call->life);
	json_open(&call->json, "Implements", '[');
	json_string(&call->json, NULL, "VolumeDriver");
	json_close(&call->json, ']');
}

static void capabilities(struct call *call)
{
	json_open(&call->json, "Capabilities", '{');
	json_string(&call->json, "Scope", "local");
	json_close(&call->json, '}');
}

static int add_option(void *arg, const char *name, const char *value)
{
	struct call *call = arg;

	return volume_options_add(&call->options, name, value, call->why, sizeof(call->why));
}

static void create(struct call *call)
{
	int r = message_strings(call->body, "Opts", add_option, call);

	if (r < 0 && !*call->why)
		snprintf(call->why, sizeof(call->why),
			 "Opts: not what options are (allowed: an object of strings)");
	if (r == 0)
		life_create(call->life, call->name, call->options ? call->options : "", call->why);
}

static void mount_volume(struct call *call)
{
	char path[PATH_MAX];

	if (life_mount(call->life, call->name, call->id, call->engine, call->why) == 0)
		json_string(&call->json, "Mountpoint", mounting_path(call->dir, call->name, path));
}

static void unmount_volume(struct call *call)
{
	life_unmount(call->life, call->name, call->id);
}

static void remove_volume(struct call *call)
{
	life_remove(call->life, call->name);
}

static const struct volume *find(struct call *call)
{
	const struct volume *volume = life_find(call->life, call->name);

	if (!volume)
		snprintf(call->why, sizeof(call->why), "no such volume");
	return volume;
}

static void path(struct call *call)
{
	const struct volume *volume = find(call);
	char path[PATH_MAX];

	if (volume)
		json_string(&call->json, "Mountpoint", path_of(call, volume, path));
}

/* @key: NULL: an element of a list */
static void describe(struct call *call, const char *key, const struct volume *volume)
{
	struct json *json = &call->json;
	char path[PATH_MAX], created[32];
	time_t when = (time_t)volume->created;
	uint64_t held = 0;
	struct tm tm;

	for (size_t i = 0; i < volume->n_holds; i++)
		held += volume->holds[i].count;
	json_open(json, key, '{');
	json_string(json, "Name", volume->name);
	json_string(json, "Mountpoint", path_of(call, volume, path));
	if (gmtime_r(&when, &tm) && strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_string(json, "CreatedAt", created);
	json_open(json, "Status", '{');
	json_string(json, "Options", volume->options);
	json_bool(json, "Mounted", volume->device != 0);
	json_number(json, "Held", held);
	json_close(json, '}');
	json_close(json, '}');
}

static void get(struct call *call)
{
	const struct volume *volume = find(call);

	if (volume)
		describe(call, "Volume", volume);
}

static void list(struct call *call)
{
	const struct volumes *volumes = &call->life->volumes;

	json_open(&call->json, "Volumes", '[');
	for (size_t i = 0; i < volumes->n; i++) {
		if (!volumes->all[i]->removed)
			describe(call, NULL, volumes->all[i]);
	}
	json_close(&call->json, ']');
}

static const struct kind kinds[] = {
	{"/Plugin.Activate", false, false, activate},
	{"/VolumeDriver.Capabilities", false, false, capabilities},
	{"/VolumeDriver.Create", true, false, create},
	{"/VolumeDriver.Mount", true, true, mount_volume},
	{"/VolumeDriver.Unmount", true, true, unmount_volume},
	{"/VolumeDriver.Remove", true, false, remove_volume},
	{"/VolumeDriver.Path", true, false, path},
	{"/VolumeDriver.Get", true, false, get},
	{"/VolumeDriver.List", false, false, list},
};

/* An answer that is being written: an object, which ends with "Err". */
struct writing {
	char *text;
	size_t size;
};

static bool begin(struct writing *writing, struct json *json)
{
	*writing = (struct writing){0};
	*json = (struct json){.out = open_memstream(&writing->text, &writing->size), .first = true};
	if (json->out)
		json_open(json, NULL, '{');
	return json->out;
}

/* Return: from malloc(3); NULL: no memory. */
static char *finish(struct writing *writing, struct json *json, const char *err)
{
	json_string(json, "Err", err);
	json_close(json, '}');
	if (fclose(json->out) == 0)
		return writing->text;
	free(writing->text);
	return NULL;
}

struct requests_answer requests_refuse(unsigned int status, const char *why)
{
	struct requests_answer answer = {.status = status};
	struct writing writing;
	struct json json;

	if (begin(&writing, &json))
		answer.text = finish(&writing, &json, why);
	return answer;
}

/* A member of the body that is a string, of @max bytes at most. Return: NULL: @why was written. */
static const char *member(struct call *call, const char *key, size_t max)
{
	const char *value = message_string(call->body, key);

	if (value && strlen(value) <= max)
		return value;
	snprintf(call->why, sizeof(call->why), "%s: %s (allowed: a string of %zu bytes at most)",
		 key, value ? "too long" : "missing", max);
	return NULL;
}

static struct requests_answer carry_out(struct call *call, const struct kind *kind)
{
	struct requests_answer answer = {.status = HTTP_OK};
	struct writing writing;

	call->name = kind->name ? member(call, "Name", NAME_MAX_ASKED) : NULL;
	if (!*call->why)
		call->id = kind->id ? member(call, "ID", ID_MAX) : NULL;
	if (*call->why)
		return requests_refuse(HTTP_BAD_REQUEST, call->why);
	if (!begin(&writing, &call->json))
		return answer;
	kind->answer(call);
	if (*call->why)
		answer.status = HTTP_FAILED;
	answer.text = finish(&writing, &call->json, call->why);
	return answer;
}

struct requests_answer requests_answer(struct life *life, const char *dir, const char *path,
				       const char *body, size_t size,
				       const struct volume_engine *engine)
{
	struct call call = {.life = life, .dir = dir, .engine = engine};
	struct requests_answer answer;
	struct message *message;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].path, path) != 0)
			continue;
		/* an engine that has nothing to say sends nothing */
		message = message_read(size ? body : "{}", size ? size : 2, call.why,
				       sizeof(call.why));
		call.body = message;
		answer = message ? carry_out(&call, &kinds[i])
				 : requests_refuse(HTTP_BAD_REQUEST, call.why);
		message_free(message);
		free(call.options);
		return answer;
	}
	return requests_refuse(HTTP_NOT_FOUND, "no such call (allowed: those of a volume driver)");
}
