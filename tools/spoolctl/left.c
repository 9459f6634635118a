/* SPDX-License-Identifier: MIT */
#include "spoolctl/left.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "common/detached.h"
#include "common/json.h"
#include "util/text.h"

/* Of the Unix epoch, for json_limit(): null for 0, which is not known or never. */
#define MS_PER_S 1000u

static uint64_t seconds_of(uint64_t ms)
{
	return ms ? ms / MS_PER_S : UINT64_MAX;
}

static void json_left(struct json *json, const struct detached *one)
{
	const struct spool_ctl_detached *times = &one->record.detached;
	char text[64];

	json_open(json, NULL, '{');
	json_string(json, "mountpoint", one->record.mountpoint);
	json_bool(json, "detached", true);
	snprintf(text, sizeof(text), "%u:%u", major(one->record.device), minor(one->record.device));
	json_string(json, "device", text);
	json_number(json, "uid", one->uid);
	json_number(json, "supervisor_pid", (uint64_t)one->supervisor);
	json_number(json, "worker_pid", (uint64_t)one->worker);
	json_number(json, "janitor_pid", (uint64_t)one->janitor);
	json_limit(json, "detached_since", seconds_of(times->since_ms));
	json_limit(json, "detached_until", seconds_of(times->until_ms));
	json_open(json, "held_by", '[');
	for (size_t i = 0; i < one->n_holders; i++) {
		json_open(json, NULL, '{');
		json_number(json, "namespace", one->holders[i].namespace);
		json_number(json, "pid", (uint64_t)one->holders[i].pid);
		json_number(json, "processes", one->holders[i].processes);
		json_close(json, '}');
	}
	json_close(json, ']');
	snprintf(text, sizeof(text), "kill -TERM %d", one->supervisor);
	json_string(json, "end", text);
	json_close(json, '}');
}

/* The date, and the time of day where we are. Return: @buf. */
static const char *format_time(uint64_t ms, char buf[32])
{
	time_t s = (time_t)(ms / MS_PER_S);
	struct tm tm;

	if (!localtime_r(&s, &tm) || strftime(buf, 32, "%F %T", &tm) == 0)
		snprintf(buf, 32, "%" PRIu64 " s", ms / MS_PER_S);
	return buf;
}

static void print_times(const struct spool_ctl_detached *times)
{
	char since[32], until[32];

	if (times->since_ms == 0)
		return; /* the supervisor has not seen it yet */
	format_time(times->since_ms, since);
	if (times->until_ms)
		printf("  %-12s since %s; everything goes at %s\n", "detached", since,
		       format_time(times->until_ms, until));
	else
		printf("  %-12s since %s; served as long as it is used (detach=never)\n",
		       "detached", since);
}

static void print_left(const struct detached *one)
{
	char who[96];

	spool_text_put(stdout, one->record.mountpoint);
	putchar('\n');
	printf("  %-12s here no more, and served still: device %u:%u\n", "mounted",
	       major(one->record.device), minor(one->record.device));
	print_times(&one->record.detached);
	printf("  %-12s %s, of uid %u\n", "processes", detached_who(one, who, sizeof(who)),
	       one->uid);
	if (one->n_holders == 0)
		printf("  %-12s no mount namespace that can be seen; a process may have it open\n",
		       "held by");
	for (size_t i = 0; i < one->n_holders; i++)
		printf("  %-12s mount namespace %ju: pid %d, the first of %u processes\n",
		       i ? "" : "held by", (uintmax_t)one->holders[i].namespace,
		       one->holders[i].pid, one->holders[i].processes);
	printf("  %-12s kill -TERM %d\n", "to end it", one->supervisor);
}

/* The directory may be there, or not any more. */
static bool was_on(const struct detached *one, const char *path)
{
	char *real = realpath(path, NULL);
	bool same = strcmp(one->record.mountpoint, real ? real : path) == 0;

	free(real);
	return same;
}

int left_show(struct json *json, const char *path)
{
	struct detached *all;
	size_t n;
	int shown = 0, r;

	r = detached_find("/proc", "/sys/fs/fuse/connections", &all, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (path && !was_on(&all[i], path))
			continue;
		shown++;
		if (json)
			json_left(json, &all[i]);
		else
			print_left(&all[i]);
	}
	detached_free(all, n);
	return shown;
}
