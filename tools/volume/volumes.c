/* SPDX-License-Identifier: MIT */
#include "volume/volumes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool volume_name_is_right(const char *name)
{
	size_t n = 0;

	if (!is_letter_or_digit(name[0]))
		return false;
	for (; name[n]; n++) {
		if (!is_letter_or_digit(name[n]) && !strchr("_.-", name[n]))
			return false;
	}
	return n <= VOLUME_NAME_MAX;
}

struct volume *volumes_find(const struct volumes *volumes, const char *name)
{
	for (size_t i = 0; i < volumes->n; i++) {
		if (strcmp(volumes->all[i]->name, name) == 0)
			return volumes->all[i];
	}
	return NULL;
}

struct volume *volumes_add(struct volumes *volumes, const char *name, const char *options)
{
	struct volume **all = reallocarray(volumes->all, volumes->n + 1, sizeof(struct volume *));
	struct volume *volume = calloc(1, sizeof(*volume));

	if (all)
		volumes->all = all;
	if (volume)
		volume->options = strdup(options);
	if (!all || !volume || !volume->options) {
		if (volume)
			free(volume->options);
		free(volume);
		return NULL;
	}
	strcpy(volume->name, name);
	for (size_t i = 0; i < VOLUME_DAEMON_FDS; i++)
		volume->daemon[i] = -1;
	all[volumes->n++] = volume;
	return volume;
}

void volume_close_daemon(struct volume *volume)
{
	for (size_t i = 0; i < VOLUME_DAEMON_FDS; i++)
		volume->daemon[i] = spool_close(volume->daemon[i]);
}

static void volume_free(struct volume *volume)
{
	volume_drop_holds(volume);
	volume_close_daemon(volume);
	free(volume->options);
	free(volume);
}

void volumes_drop(struct volumes *volumes, struct volume *volume)
{
	size_t i = 0;

	while (volumes->all[i] != volume)
		i++;
	volumes->n--;
	memmove(&volumes->all[i], &volumes->all[i + 1], (volumes->n - i) * sizeof(struct volume *));
	volume_free(volume);
}

void volumes_free(struct volumes *volumes)
{
	for (size_t i = 0; i < volumes->n; i++)
		volume_free(volumes->all[i]);
	free(volumes->all);
	*volumes = (struct volumes){0};
}

int volume_hold(struct volume *volume, const char *id, const struct volume_engine *engine)
{
	struct volume_hold *holds;
	char *copy;

	for (size_t i = 0; i < volume->n_holds; i++) {
		struct volume_hold *hold = &volume->holds[i];

		if (strcmp(hold->id, id) == 0 && hold->engine.pid == engine->pid &&
		    hold->engine.start == engine->start) {
			hold->count++;
			return 0;
		}
	}
	holds = reallocarray(volume->holds, volume->n_holds + 1, sizeof(*holds));
	if (holds)
		volume->holds = holds;
	copy = strdup(id);
	if (!holds || !copy) {
		free(copy);
		return -ENOMEM;
	}
	holds[volume->n_holds++] = (struct volume_hold){.id = copy, .count = 1, .engine = *engine};
	return 0;
}

bool volume_release(struct volume *volume, const char *id)
{
	for (size_t i = 0; i < volume->n_holds; i++) {
		if (strcmp(volume->holds[i].id, id) != 0)
			continue;
		if (--volume->holds[i].count == 0)
			volume_drop_hold(volume, i);
		return true;
	}
	return false;
}

void volume_drop_hold(struct volume *volume, size_t i)
{
	free(volume->holds[i].id);
	volume->holds[i] = volume->holds[--volume->n_holds];
}

void volume_drop_holds(struct volume *volume)
{
	while (volume->n_holds)
		volume_drop_hold(volume, volume->n_holds - 1);
	free(volume->holds);
	volume->holds = NULL;
}
