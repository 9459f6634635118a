/* SPDX-License-Identifier: MIT */
#include "spoolctl/top_sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/sessions.h"
#include "spoolctl/users.h"
#include "util/macros.h"

static int add_users(void *ctx, const struct spool_ctl_users *page)
{
	struct top_sample *sample = ctx;
	struct top_user *users =
		reallocarray(sample->users, sample->n + page->count + 1, sizeof(*users));

	if (!users)
		return -ENOMEM;
	for (uint32_t i = 0; i < page->count; i++)
		users[sample->n + i] =
			(struct top_user){.told = page->users[i], .rate = (double)NAN};
	sample->users = users;
	sample->n += page->count;
	return 0;
}

/* The users are in order. One who has a session and no file is not among them. */
static void add_session(struct top_sample *sample, const struct spool_ctl_session *session)
{
	const char *state = spool_ctl_name(SPOOL_CTL_SESSION_STATES, session->state);
	size_t low = 0, high = sample->n;

	if (state && strcmp(state, "over") == 0) {
		sample->sessions_over++;
		return;
	}
	sample->sessions++;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sample->users[middle].told.uid < session->owner)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < sample->n && sample->users[low].told.uid == session->owner)
		sample->users[low].sessions++;
}

static void add_sessions(void *ctx, const struct spool_ctl_sessions *page)
{
	for (uint32_t i = 0; i < page->count; i++)
		add_session(ctx, &page->sessions[i]);
}

int top_ask(int fd, struct top_sample *ret)
{
	struct top_sample sample = {
		.status = {.version = SPOOL_CTL_VERSION},
		.tier = {.version = SPOOL_CTL_VERSION},
	};
	struct timespec now;
	int r = spool_ctl_call(fd, SPOOL_IOC_STATUS, &sample.status);

	if (r == 0)
		r = spool_ctl_call(fd, SPOOL_IOC_TIER, &sample.tier);
	clock_gettime(CLOCK_MONOTONIC, &now);
	sample.when_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (r == 0)
		r = users_ask(fd, add_users, &sample);
	if (r == 0)
		r = sessions_ask(fd, add_sessions, &sample);
	if (r < 0)
		top_sample_free(&sample);
	else
		*ret = sample;
	return r;
}

void top_sample_free(struct top_sample *sample)
{
	free(sample->users);
	*sample = (struct top_sample){0};
}
