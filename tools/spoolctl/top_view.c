/* SPDX-License-Identifier: MIT */
#include "spoolctl/top_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "ctl/names.h"
#include "spoolctl/top_sample.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/text.h"

static const struct {
	const char *name;
	char key;
} orders[TOP_ORDERS] = {
	[TOP_BY_SIZE] = {"size", 's'},         [TOP_BY_RAM] = {"ram", 'r'},
	[TOP_BY_DISK] = {"disk", 'd'},         [TOP_BY_FILES] = {"files", 'f'},
	[TOP_BY_SESSIONS] = {"sessions", 'n'}, [TOP_BY_WAITING] = {"waiting", 'w'},
	[TOP_BY_BUSY] = {"busy", 'b'},         [TOP_BY_UID] = {"uid", 'u'},
};

const char *top_order_name(enum top_order order)
{
	return orders[order].name;
}

int top_order_named(const char *name)
{
	for (int i = 0; i < TOP_ORDERS; i++) {
		if (strcmp(orders[i].name, name) == 0)
			return i;
	}
	return -1;
}

int top_order_of_key(int key)
{
	for (int i = 0; i < TOP_ORDERS; i++) {
		if (orders[i].key == key)
			return i;
	}
	return -1;
}

/* What is not known is less than nothing. */
static double value_of(const struct top_user *user, enum top_order order)
{
	switch (order) {
	case TOP_BY_SIZE:
		return (double)user->told.usage.size_used;
	case TOP_BY_RAM:
		return (double)user->told.usage.ram_used;
	case TOP_BY_DISK:
		return (double)user->told.disk;
	case TOP_BY_FILES:
		return (double)user->told.usage.inodes_used;
	case TOP_BY_SESSIONS:
		return (double)user->sessions;
	case TOP_BY_WAITING:
		return user->told.waiting;
	case TOP_BY_BUSY:
		return isnan(user->rate) ? -1 : user->rate;
	default:
		return 0;
	}
}

static int compare(const void *first, const void *second, void *arg)
{
	const struct top_user *a = first, *b = second;
	const enum top_order *order = arg;
	double x = value_of(a, *order), y = value_of(b, *order);

	if (x < y || x > y)
		return x < y ? 1 : -1;
	return a->told.uid < b->told.uid ? -1 : a->told.uid > b->told.uid;
}

void top_sort(struct top_sample *sample, enum top_order order)
{
	if (sample->n)
		qsort_r(sample->users, sample->n, sizeof(sample->users[0]), compare, &order);
}

static bool is_same_daemon(const struct top_sample *before, const struct top_sample *now)
{
	return before && before->status.worker_pid == now->status.worker_pid &&
	       before->status.requests <= now->status.requests;
}

static double per_second(uint64_t n, uint64_t ms)
{
	return ms ? (double)n * 1000 / (double)ms : 0;
}

double top_rate(const struct top_sample *before, const struct top_sample *now)
{
	if (!is_same_daemon(before, now))
		return per_second(now->status.requests, now->status.uptime_ms);
	return per_second(now->status.requests - before->status.requests,
			  now->when_ms - before->when_ms);
}

void top_set_rates(struct top_sample *before, struct top_sample *now)
{
	bool same = is_same_daemon(before, now);
	uint64_t ms = same ? now->when_ms - before->when_ms : now->status.uptime_ms;
	size_t at = 0;

	top_sort(now, TOP_BY_UID);
	if (same)
		top_sort(before, TOP_BY_UID);
	for (size_t i = 0; i < now->n; i++) {
		const struct spool_ctl_user *user = &now->users[i].told;
		uint64_t had = 0;

		while (same && at < before->n && before->users[at].told.uid < user->uid)
			at++;
		if (same && at < before->n && before->users[at].told.uid == user->uid)
			had = before->users[at].told.requests;
		if (user->requests != SPOOL_CTL_NO_LIMIT && had <= user->requests)
			now->users[i].rate = per_second(user->requests - had, ms);
	}
}

/* "1.2G of 8G", "12 of no limit" */
static void print_use(FILE *out, const char *what, uint64_t used, uint64_t limit, bool bytes)
{
	char a[32], b[32] = "no limit";

	if (bytes) {
		spool_format_bytes(used, a);
		if (limit != SPOOL_CTL_NO_LIMIT)
			spool_format_bytes(limit, b);
	} else {
		snprintf(a, sizeof(a), "%" PRIu64, used);
		if (limit != SPOOL_CTL_NO_LIMIT)
			snprintf(b, sizeof(b), "%" PRIu64, limit);
	}
	fprintf(out, "%s %s of %s", what, a, b);
}

static void print_waiting(FILE *out, const struct spool_ctl_status *status)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		all += status->waiting[i];
	fprintf(out, "waiting  %" PRIu64, all);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		fprintf(out, "%s %s %" PRIu64, i ? "," : ":", spool_ctl_name(SPOOL_CTL_QUEUES, i),
			status->waiting[i]);
	putc('\n', out);
}

static void print_head(FILE *out, const char *mountpoint, const struct top_sample *before,
		       const struct top_sample *now)
{
	const struct spool_ctl_usage *usage = &now->status.usage;
	uint64_t s = now->status.uptime_ms / 1000;
	char disk[16], held[16];

	spool_format_bytes(now->tier.stored, disk);
	spool_format_bytes(now->status.ram_held, held);
	fputs("mount    ", out);
	spool_text_put(out, mountpoint);
	fprintf(out,
		", up %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ", %zu users, %" PRIu64 " sessions\n",
		s / 3600, s / 60 % 60, s % 60, now->n, now->sessions);
	print_use(out, "use      size", usage->size_used, usage->size_limit, true);
	print_use(out, ", ram", usage->ram_used, usage->ram_limit, true);
	print_use(out, ", files", usage->inodes_used, usage->inodes_limit, false);
	putc('\n', out);
	if (now->status.caller_admin) {
		fprintf(out,
			"requests %.1f/s, %" PRIu64 " open files, %s held in RAM, %s on disk\n",
			top_rate(before, now), now->status.open_files, held, disk);
		print_waiting(out, &now->status);
	} else {
		fputs("requests of the whole mount are shown to administrators only\n\n", out);
	}
	/* 80 columns */
	fprintf(out, "\n%10s %6s %6s %6s %6s %6s %8s %8s %8s %7s\n", "uid", "size", "limit", "ram",
		"limit", "disk", "files", "sessions", "req/s", "waiting");
}

static void print_limit(FILE *out, uint64_t used, uint64_t limit)
{
	char a[16], b[16] = "-";

	spool_format_bytes(used, a);
	if (limit != SPOOL_CTL_NO_LIMIT)
		spool_format_bytes(limit, b);
	fprintf(out, " %6s %6s", a, b);
}

void top_print(FILE *out, const char *mountpoint, const struct top_sample *before,
	       const struct top_sample *now, size_t rows)
{
	print_head(out, mountpoint, before, now);
	for (size_t i = 0; i < now->n && i < rows; i++) {
		const struct spool_ctl_user *user = &now->users[i].told;
		char rate[32] = "-", disk[16];

		if (!isnan(now->users[i].rate))
			snprintf(rate, sizeof(rate), "%.1f", now->users[i].rate);
		fprintf(out, "%10u", user->uid);
		print_limit(out, user->usage.size_used, user->usage.size_limit);
		print_limit(out, user->usage.ram_used, user->usage.ram_limit);
		spool_format_bytes(user->disk, disk);
		fprintf(out, " %6s %8" PRIu64 " %8" PRIu64 " %8s %7u\n", disk,
			user->usage.inodes_used, now->users[i].sessions, rate, user->waiting);
	}
}

void top_json(struct json *json, const char *mountpoint, const struct top_sample *before,
	      const struct top_sample *now)
{
	uint64_t waiting = 0;

	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		waiting += now->status.waiting[i];
	json_open(json, NULL, '{');
	json_string(json, "mountpoint", mountpoint);
	json_bool(json, "caller_admin", now->status.caller_admin);
	json_number(json, "uptime_ms", now->status.uptime_ms);
	json_decimal(json, "requests_per_s", top_rate(before, now));
	json_number(json, "waiting", waiting);
	json_number(json, "open_files", now->status.open_files);
	json_number(json, "disk_used", now->tier.stored);
	json_number(json, "size_used", now->status.usage.size_used);
	json_number(json, "ram_used", now->status.usage.ram_used);
	json_number(json, "inodes_used", now->status.usage.inodes_used);
	json_number(json, "sessions", now->sessions);
	json_open(json, "users", '[');
	for (size_t i = 0; i < now->n; i++) {
		const struct spool_ctl_user *user = &now->users[i].told;

		json_open(json, NULL, '{');
		json_number(json, "uid", user->uid);
		json_number(json, "size_used", user->usage.size_used);
		json_limit(json, "size_limit", user->usage.size_limit);
		json_number(json, "ram_used", user->usage.ram_used);
		json_limit(json, "ram_limit", user->usage.ram_limit);
		json_number(json, "disk_used", user->disk);
		json_number(json, "inodes_used", user->usage.inodes_used);
		json_number(json, "sessions", now->users[i].sessions);
		json_decimal(json, "requests_per_s", now->users[i].rate);
		json_number(json, "waiting", user->waiting);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}
