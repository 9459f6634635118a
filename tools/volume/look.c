/* SPDX-License-Identifier: MIT */
#include "volume/look.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"
#include "volume/state.h"

/* From a Mount until a container was seen: how long until the next look, and how this grows with
 * the time since the Mount: a container of runc takes 50 ms at least, and most have begun after a
 * second. Guesses. */
#define EXPECT_MS 10u
#define EXPECT_MAX_MS 10000u
#define EXPECT_PART 20u

/* How long a container is expected without delay; a guess. */
#define EXPECT_SOON_MS 10000u

/* Looks at all processes take a quarter of the time at most; one takes 2 ms with 250 processes. */
#define REST_FACTOR 3u

/* Until the next look at what is in use by nobody that can be watched. */
#define BUSY_MS 500u

/* One line about @name: @what fails with @r, a -errno. */
static void say(const char *name, const char *what, int r)
{
	fprintf(stderr, "spoolfs-volume: %s: %s: %s\n", name, what, strerror(-r));
}

int life_save(const struct life *life, const struct volume *volume)
{
	int r = state_save(life->state, volume);

	if (r < 0)
		say(volume->name, "what is known of it cannot be saved", r);
	return r;
}

static void look_at(uint64_t *look_ms, uint64_t when)
{
	if (*look_ms == 0 || when < *look_ms)
		*look_ms = when;
}

/* Takes @fd over. Return: false: no memory, and it is closed. */
static bool add_watch(struct life *life, int fd)
{
	int *more = reallocarray(life->watches, life->n_watches + 1, sizeof(*more));

	if (!more) {
		spool_close(fd);
		return false;
	}
	life->watches = more;
	more[life->n_watches++] = fd;
	return true;
}

static void drop_watches(struct life *life)
{
	for (size_t i = 0; i < life->n_watches; i++)
		spool_close(life->watches[i]);
	life->n_watches = 0;
}

/* Forgets what engines have said that live no more, and watches the others. */
static void see_engines(struct life *life, struct volume *volume)
{
	const struct volume_host *host = life->host;
	bool changed = false;
	size_t i = 0;

	while (i < volume->n_holds) {
		const struct volume_engine *engine = &volume->holds[i].engine;
		int fd = engine->pid ? host->engine_watch(host->ctx, engine) : -EAGAIN;

		if (fd == -ESRCH) {
			volume_drop_hold(volume, i);
			changed = true;
			continue;
		}
		if (fd >= 0 ? !add_watch(life, fd) : engine->pid != 0)
			look_at(&life->look_ms, host->now_ms(host->ctx) + BUSY_MS);
		i++;
	}
	if (changed)
		life_save(life, volume);
}

/* All engines that hold something, for users_find(). Return: -ENOMEM; their number. */
static ssize_t engines_of(const struct life *life, struct volume_engine **ret)
{
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; i < life->volumes.n; i++) {
		const struct volume *volume = life->volumes.all[i];
		struct volume_engine *more =
			reallocarray(*ret, n + volume->n_holds + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		*ret = more;
		for (size_t j = 0; j < volume->n_holds; j++)
			more[n++] = volume->holds[j].engine;
	}
	return (ssize_t)n;
}

static int find_users(const struct life *life, struct user **ret, size_t *ret_n)
{
	spool_cleanup(free) struct volume_engine *engines = NULL;
	ssize_t n = engines_of(life, &engines);

	if (n < 0)
		return (int)n;
	return life->host->users(life->host->ctx, engines, (size_t)n, ret, ret_n);
}

static bool has_user(const struct user *users, size_t n, dev_t device)
{
	for (size_t i = 0; i < n; i++) {
		if (users[i].device == device)
			return true;
	}
	return false;
}

/* Return: whether nobody uses it, by one more look, and by what its daemon says. */
static bool is_idle(const struct life *life, const struct volume *volume)
{
	spool_cleanup(free) struct user *users = NULL;
	size_t n = 0;

	return find_users(life, &users, &n) == 0 && !has_user(users, n, volume->device) &&
	       life->host->open_files(life->host->ctx, volume->device) <= 0;
}

void life_was_unmounted(struct volume *volume)
{
	volume->device = 0;
	volume->used = false;
	volume->look_ms = 0;
	volume_close_daemon(volume);
}

static bool has_ended(const struct volume *volume)
{
	struct pollfd ended[VOLUME_DAEMON_FDS];

	for (size_t i = 0; i < VOLUME_DAEMON_FDS; i++)
		ended[i] = (struct pollfd){.fd = volume->daemon[i], .events = POLLIN};
	return poll(ended, VOLUME_DAEMON_FDS, 0) > 0;
}

/* Return: whether its daemon has ended for sure. */
static bool is_dead(const struct life *life, struct volume *volume, dev_t device)
{
	if (device != volume->device)
		volume_close_daemon(volume);
	if (volume->daemon[0] >= 0)
		return has_ended(volume);
	return life->host->daemon(life->host->ctx, device, volume->daemon) == -ESRCH;
}

void life_see_mount(const struct life *life, struct volume *volume)
{
	const struct volume_host *host = life->host;
	dev_t device = host->device(host->ctx, volume->name), before = volume->device;

	if (device && is_dead(life, volume, device)) {
		fprintf(stderr, "spoolfs-volume: %s: its daemon has ended: unmounted\n",
			volume->name);
		host->discard(host->ctx, volume->name);
		device = 0;
	} else if (before && !device) {
		host->unmount(host->ctx, volume->name);
	}
	if (device == before)
		return;
	if (before)
		life_was_unmounted(volume);
	volume->device = device;
	life_save(life, volume);
}

void life_forget(struct life *life, struct volume *volume)
{
	int r = state_remove(life->state, volume);

	if (r < 0)
		say(volume->name, "what is known of it cannot be removed", r);
	volumes_drop(&life->volumes, volume);
}

/* Wipes it, if it is idle. @volume is gone afterwards when it was removed. */
static void finish(struct life *life, struct volume *volume)
{
	const struct volume_host *host = life->host;
	int r = -EBUSY;

	if (is_idle(life, volume))
		r = host->unmount(host->ctx, volume->name);
	if (r < 0) {
		if (r != -EBUSY)
			say(volume->name, "cannot be unmounted", r);
		volume->look_ms = host->now_ms(host->ctx) + BUSY_MS;
		return;
	}
	life_was_unmounted(volume);
	if (volume->removed)
		life_forget(life, volume);
	else
		life_save(life, volume);
}

/* Watches who uses it. A copy in our own namespace may be the engine's: docker cp makes one for a
 * moment. Return: whether anybody does. */
static bool see_users(struct life *life, struct volume *volume, const struct user *users, size_t n)
{
	const struct volume_host *host = life->host;
	bool found = false, others = false;

	for (size_t i = 0; i < n; i++) {
		int fd;

		if (users[i].device != volume->device)
			continue;
		found = true;
		others |= users[i].pid != 0;
		fd = users[i].pid ? host->watch(host->ctx, users[i].pid) : -ECHILD;
		if (fd < 0 || !add_watch(life, fd))
			volume->look_ms =
				host->now_ms(host->ctx) + (fd == -ESRCH ? EXPECT_MS : BUSY_MS);
	}
	if (others && !volume->used) {
		volume->used = true;
		life_save(life, volume);
	}
	return found;
}

/* The rules of life.h. @volume may be gone afterwards. */
static void judge(struct life *life, struct volume *volume, const struct user *users, size_t n)
{
	uint64_t now = life->host->now_ms(life->host->ctx);

	volume->look_ms = 0;
	see_engines(life, volume);
	if (see_users(life, volume, users, n))
		return;
	if (volume->n_holds && !volume->removed) {
		life->expects |= !volume->used && now - volume->asked_ms < EXPECT_SOON_MS;
		if (!volume->used)
			volume->look_ms =
				now +
				spool_max_u64(EXPECT_MS,
					      spool_min_u64((now - volume->asked_ms) / EXPECT_PART,
							    EXPECT_MAX_MS));
		return;
	}
	if (volume->used || volume->removed)
		finish(life, volume);
}

/* Return: whether it is mounted. */
static bool see_daemon(struct life *life, struct volume *volume)
{
	if (volume->device && has_ended(volume))
		life_see_mount(life, volume);
	for (size_t i = 0; i < VOLUME_DAEMON_FDS && volume->daemon[i] >= 0; i++) {
		int fd = fcntl(volume->daemon[i], F_DUPFD_CLOEXEC, 0);

		if (fd < 0 || !add_watch(life, fd))
			look_at(&life->look_ms, life->host->now_ms(life->host->ctx) + BUSY_MS);
	}
	return volume->device != 0;
}

void life_look(struct life *life)
{
	const struct volume_host *host = life->host;
	spool_cleanup(free) struct user *users = NULL;
	uint64_t begun = host->now_ms(host->ctx), ended;
	bool mounted = false;
	size_t n = 0;
	int r = 0;

	drop_watches(life);
	life->look_ms = 0;
	life->expects = false;
	for (size_t i = 0; i < life->volumes.n; i++)
		mounted |= see_daemon(life, life->volumes.all[i]);
	if (mounted)
		r = find_users(life, &users, &n);
	ended = host->now_ms(host->ctx);
	if (r < 0) {
		if (!life->blind)
			say("who uses the volumes", "cannot be found out", r);
		life->blind = true;
		life->look_ms = ended + BUSY_MS;
		return;
	}
	life->blind = false;
	for (size_t i = life->volumes.n; i-- > 0;) {
		if (life->volumes.all[i]->device)
			judge(life, life->volumes.all[i], users, n);
	}
	for (size_t i = 0; i < life->volumes.n; i++) {
		const struct volume *volume = life->volumes.all[i];

		if (volume->device && volume->look_ms)
			look_at(&life->look_ms,
				spool_max_u64(volume->look_ms,
					      ended + (ended - begun) * REST_FACTOR));
	}
}
