/* SPDX-License-Identifier: MIT */
#include "volume/life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/macros.h"
#include "volume/state.h"

int life_init(struct life *life, const struct volume_host *host, int state)
{
	int r;

	*life = (struct life){.host = host, .state = state};
	r = state_load(state, &life->volumes);
	if (r < 0) {
		life_fini(life);
		return r;
	}
	life_reconcile(life);
	return 0;
}

void life_fini(struct life *life)
{
	for (size_t i = 0; i < life->n_watches; i++)
		spool_close(life->watches[i]);
	free(life->watches);
	volumes_free(&life->volumes);
}

const struct volume *life_find(const struct life *life, const char *name)
{
	const struct volume *volume = volumes_find(&life->volumes, name);

	return volume && !volume->removed ? volume : NULL;
}

/* Return: 0: it is as wanted; -errno, with a line. */
static int compare(const struct volume *volume, const char *options, char *why)
{
	if (volume->removed) {
		snprintf(why, LIFE_WHY,
			 "%s: still in use, though it was removed (allowed: when its last user has "
			 "ended)",
			 volume->name);
		return -EBUSY;
	}
	if (strcmp(volume->options, options) != 0) {
		snprintf(why, LIFE_WHY, "%s: there is one with other options (allowed: %s)",
			 volume->name, *volume->options ? volume->options : "no options");
		return -EEXIST;
	}
	return 0;
}

int life_create(struct life *life, const char *name, const char *options, char *why)
{
	const struct volume_host *host = life->host;
	struct volume *volume;
	int r;

	if (!volume_name_is_right(name)) {
		snprintf(why, LIFE_WHY,
			 "not a name for a volume (allowed: " VOLUME_NAME_ALLOWED ")");
		return -EINVAL;
	}
	volume = volumes_find(&life->volumes, name);
	if (volume)
		return compare(volume, options, why);
	r = host->check(host->ctx, name, options, why, LIFE_WHY);
	if (r < 0)
		return r;
	volume = volumes_add(&life->volumes, name, options);
	if (!volume) {
		snprintf(why, LIFE_WHY, "%s: no memory", name);
		return -ENOMEM;
	}
	volume->created = time(NULL);
	r = life_save(life, volume);
	if (r < 0) {
		snprintf(why, LIFE_WHY, "%s: cannot be remembered: %s", name, strerror(-r));
		volumes_drop(&life->volumes, volume);
	}
	return r;
}

/* Is it mounted, and alive? One that is just dying is unmounted. */
static int look_at_mount(const struct life *life, struct volume *volume, char *why)
{
	const struct volume_host *host = life->host;
	int r;

	life_see_mount(life, volume);
	r = volume->device ? host->probe(host->ctx, volume->name) : 0;
	if (r == 0)
		return 0;
	if (r == -EBUSY) {
		snprintf(why, LIFE_WHY, "%s: its daemon does not answer", volume->name);
		return r;
	}
	host->discard(host->ctx, volume->name);
	life_see_mount(life, volume);
	return 0;
}

/* Mounts it, if it is not. @ret_fresh: it was not. */
static int bring_up(const struct life *life, struct volume *volume, bool *ret_fresh, char *why)
{
	const struct volume_host *host = life->host;
	int r = look_at_mount(life, volume, why);

	*ret_fresh = volume->device == 0;
	if (r < 0 || volume->device)
		return r;
	r = host->mount(host->ctx, volume->name, volume->options, &volume->device, why, LIFE_WHY);
	if (r == 0)
		life_see_mount(life, volume);
	return r;
}

int life_mount(struct life *life, const char *name, const char *id,
	       const struct volume_engine *engine, char *why)
{
	const struct volume_host *host = life->host;
	struct volume *volume = volumes_find(&life->volumes, name);
	bool fresh = false;
	int r;

	if (!volume || volume->removed) {
		snprintf(why, LIFE_WHY, "no such volume");
		return -ENOENT;
	}
	r = bring_up(life, volume, &fresh, why);
	if (r < 0)
		return r;
	r = volume_hold(volume, id, engine);
	if (r == 0) {
		r = life_save(life, volume);
		if (r < 0)
			volume_release(volume, id);
	}
	if (r < 0) {
		snprintf(why, LIFE_WHY, "%s: cannot be remembered: %s", name, strerror(-r));
		if (fresh && host->unmount(host->ctx, name) == 0)
			life_was_unmounted(volume);
		return r;
	}
	volume->asked_ms = host->now_ms(host->ctx);
	life_look(life);
	return 0;
}

void life_unmount(struct life *life, const char *name, const char *id)
{
	struct volume *volume = volumes_find(&life->volumes, name);

	if (!volume)
		return;
	if (volume_release(volume, id))
		life_save(life, volume);
	life_look(life);
}

void life_remove(struct life *life, const char *name)
{
	struct volume *volume = volumes_find(&life->volumes, name);

	if (!volume)
		return;
	if (!volume->device) {
		life_forget(life, volume);
		return;
	}
	volume->removed = true;
	volume_drop_holds(volume);
	life_save(life, volume);
	life_look(life);
}

/* A filesystem that is mounted, of a volume that is not known. */
static void take_over(struct life *life, const char *name)
{
	struct volume *volume;

	if (volumes_find(&life->volumes, name))
		return;
	fprintf(stderr, "spoolfs-volume: %s: mounted, and no volume: goes with its last user\n",
		name);
	volume = volumes_add(&life->volumes, name, "");
	if (!volume)
		return; /* the next time */
	volume->removed = true;
	life_save(life, volume);
}

static void take_over_name(void *arg, const char *name)
{
	take_over(arg, name);
}

void life_reconcile(struct life *life)
{
	const struct volume_host *host = life->host;

	host->each(host->ctx, take_over_name, life);
	for (size_t i = life->volumes.n; i-- > 0;) {
		struct volume *volume = life->volumes.all[i];

		life_see_mount(life, volume);
		if (volume->removed && !volume->device)
			life_forget(life, volume);
	}
	life_look(life);
}
