/* SPDX-License-Identifier: MIT */
#include "spoolctl/left.h"

#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/detached.h"
#include "common/json.h"
#include "common/text.h"

static void json_left(struct json *json, const struct detached *one)
{
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

static void print_left(const struct detached *one)
{
	char who[96];

	text_put(stdout, one->record.mountpoint);
	putchar('\n');
	printf("  %-12s here no more, and served still: device %u:%u\n", "mounted",
	       major(one->record.device), minor(one->record.device));
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
