/* SPDX-License-Identifier: MIT */
#include "spoolctl/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/names.h"
#include "spoolctl/requests.h"
#include "util/macros.h"
#include "util/text.h"

/* What a number counts, and how it is shown. */
enum unit {
	PLAIN,
	LIMIT,   /* SPOOL_CTL_NO_LIMIT is +Inf */
	UNKNOWN, /* SPOOL_CTL_NO_LIMIT is not shown */
	MS,      /* shown in seconds */
};

/* Who has a number. */
enum whose {
	ALL,
	ADMIN, /* told to administrators only */
	DISK,  /* as well, of mounts with a backing directory */
};

/* A family with one number a mount, or one a user. */
struct number {
	const char *name, *type, *help;
	size_t offset;
	enum unit unit;
	enum whose whose;
};

#define OF_MOUNT(member) offsetof(struct metrics_mount, member)

static const struct number of_mounts[] = {
	{"spoolfs_uptime_seconds", "gauge", "Since the daemon has started.",
	 OF_MOUNT(sample.status.uptime_ms), MS, ALL},
	{"spoolfs_size_bytes", "gauge", "Bytes of files, on the disk and in RAM.",
	 OF_MOUNT(sample.status.usage.size_used), PLAIN, ADMIN},
	{"spoolfs_size_limit_bytes", "gauge", "Option size.",
	 OF_MOUNT(sample.status.usage.size_limit), LIMIT, ADMIN},
	{"spoolfs_ram_bytes", "gauge", "Bytes of RAM that data and metadata take.",
	 OF_MOUNT(sample.status.usage.ram_used), PLAIN, ADMIN},
	{"spoolfs_ram_limit_bytes", "gauge", "Option ram.", OF_MOUNT(sample.status.usage.ram_limit),
	 LIMIT, ADMIN},
	{"spoolfs_ram_budget_bytes", "gauge",
	 "Bytes of RAM that may be taken now: less than ram under memory pressure.",
	 OF_MOUNT(sample.tier.budget), PLAIN, DISK},
	{"spoolfs_ram_held_bytes", "gauge",
	 "Memory that the daemon holds for file data, also for new ones.",
	 OF_MOUNT(sample.status.ram_held), PLAIN, ADMIN},
	{"spoolfs_inodes", "gauge", "Files, directories and others.",
	 OF_MOUNT(sample.status.usage.inodes_used), PLAIN, ADMIN},
	{"spoolfs_inodes_limit", "gauge", "Option nr_inodes.",
	 OF_MOUNT(sample.status.usage.inodes_limit), LIMIT, ADMIN},
	{"spoolfs_open_files", "gauge", "Open files.", OF_MOUNT(sample.status.open_files), PLAIN,
	 ADMIN},
	{"spoolfs_requests_total", "counter", "Requests of the kernel that were served.",
	 OF_MOUNT(sample.status.requests), PLAIN, ADMIN},
	{"spoolfs_retries_total", "counter",
	 "Attempts at requests beyond the first of each: they had to wait.",
	 OF_MOUNT(sample.status.retries), PLAIN, ADMIN},
	{"spoolfs_waiting_data_bytes", "gauge", "Data of requests that wait.",
	 OF_MOUNT(sample.status.waiting_data), PLAIN, ADMIN},
	{"spoolfs_waiting_refused_total", "counter",
	 "Requests that were refused with EINTR, as too many waited.",
	 OF_MOUNT(sample.status.waiting_refused), PLAIN, ADMIN},
	{"spoolfs_disk_bytes", "gauge", "File data on the disk.", OF_MOUNT(sample.tier.stored),
	 PLAIN, DISK},
	{"spoolfs_disk_written_bytes_total", "counter", "File data written to the disk.",
	 OF_MOUNT(sample.tier.written), PLAIN, DISK},
	{"spoolfs_disk_read_bytes_total", "counter", "File data read back from the disk.",
	 OF_MOUNT(sample.tier.fetched), PLAIN, DISK},
	{"spoolfs_disk_failures_total", "counter", "Batches of data that the disk did not take.",
	 OF_MOUNT(sample.tier.n_failed), PLAIN, DISK},
	{"spoolfs_disk_corruptions_total", "counter",
	 "Pieces of data that came back from the disk as something else.",
	 OF_MOUNT(sample.tier.n_bad), PLAIN, DISK},
	{"spoolfs_backing_free_bytes", "gauge", "Free on the backing filesystem.",
	 OF_MOUNT(sample.tier.backing_free), PLAIN, DISK},
	{"spoolfs_backing_size_bytes", "gauge", "Size of the backing filesystem.",
	 OF_MOUNT(sample.tier.backing_total), PLAIN, DISK},
	{"spoolfs_reserve_bytes", "gauge", "What is to stay free there: option reserve.",
	 OF_MOUNT(sample.tier.reserve), PLAIN, DISK},
	{"spoolfs_sessions", "gauge", "Sessions that are not over.", OF_MOUNT(sample.sessions),
	 PLAIN, ADMIN},
	{"spoolfs_sessions_over", "gauge", "Sessions that are over and still hold something.",
	 OF_MOUNT(sample.sessions_over), PLAIN, ADMIN},
	{"spoolfs_removed_total", "counter", "Names that have gone by themselves.",
	 OF_MOUNT(lives.removed), PLAIN, ADMIN},
	{"spoolfs_removals_failed_total", "counter", "Removals that failed, and were tried again.",
	 OF_MOUNT(lives.failed), PLAIN, ADMIN},
	{"spoolfs_removals_untold_total", "counter",
	 "Removals of which the caches of the kernel could not be told.", OF_MOUNT(lives.untold),
	 PLAIN, ADMIN},
	{"spoolfs_directories_waiting", "gauge",
	 "Directories whose session is over and that are not empty.", OF_MOUNT(lives.waiting),
	 PLAIN, ADMIN},
	{"spoolfs_files_lingering", "gauge", "Closed files of lifetime close that go soon.",
	 OF_MOUNT(lives.lingering), PLAIN, ADMIN},
};

#define OF_USER(member) offsetof(struct top_user, told.member)

static const struct number of_users[] = {
	{"spoolfs_user_size_bytes", "gauge", "Bytes of a user's files.", OF_USER(usage.size_used),
	 PLAIN, ALL},
	{"spoolfs_user_size_limit_bytes", "gauge", "Option user_size.", OF_USER(usage.size_limit),
	 LIMIT, ALL},
	{"spoolfs_user_ram_bytes", "gauge", "Bytes of RAM that a user takes.",
	 OF_USER(usage.ram_used), PLAIN, ALL},
	{"spoolfs_user_ram_limit_bytes", "gauge", "Option user_ram.", OF_USER(usage.ram_limit),
	 LIMIT, ALL},
	{"spoolfs_user_disk_bytes", "gauge", "Bytes of a user's data on the disk.", OF_USER(disk),
	 PLAIN, ALL},
	{"spoolfs_user_inodes", "gauge", "A user's files, directories and others.",
	 OF_USER(usage.inodes_used), PLAIN, ALL},
	{"spoolfs_user_inodes_limit", "gauge", "Option user_inodes.", OF_USER(usage.inodes_limit),
	 LIMIT, ALL},
	{"spoolfs_user_requests_total", "counter", "Requests of a user that were served.",
	 OF_USER(requests), UNKNOWN, ALL},
	{"spoolfs_user_sessions", "gauge", "Sessions of a user that are not over.",
	 offsetof(struct top_user, sessions), PLAIN, ALL},
};

struct printer {
	FILE *out;
	const struct metrics_mount *mounts;
	char **labels; /* their mount points, as values of labels; NULL: there was no memory */
	size_t n;
};

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* As the value of a label: what may break a line, or is no UTF-8, as \ooo, and then in quotes. */
static void put_value(FILE *out, const char *text)
{
	spool_cleanup(free) char *shown = NULL;
	size_t size;
	FILE *stream = open_memstream(&shown, &size);

	if (!stream)
		return; /* no memory: an empty label is better than none */
	spool_text_put(stream, text);
	if (fclose(stream) != 0)
		return;
	for (const char *p = shown; *p; p++) {
		if (*p == '\\' || *p == '"')
			putc('\\', out);
		putc(*p, out);
	}
}

/* The same. Return: for free(3); NULL: no memory. */
static char *make_value(const char *text)
{
	char *value = NULL;
	size_t size;
	FILE *stream = open_memstream(&value, &size);

	if (!stream)
		return NULL;
	put_value(stream, text);
	if (fclose(stream) == 0)
		return value;
	free(value);
	return NULL;
}

/* name{mountpoint="..." and what the caller adds before he ends it with "} value"; of mount @i. */
static void begin(const struct printer *p, const char *name, size_t i)
{
	fprintf(p->out, "%s{mountpoint=\"%s\"", name,
		p->labels && p->labels[i] ? p->labels[i] : "");
}

static void put_number(FILE *out, uint64_t value, enum unit unit)
{
	if (unit == LIMIT && value == SPOOL_CTL_NO_LIMIT)
		fputs("} +Inf\n", out);
	else if (unit == MS)
		fprintf(out, "} %" PRIu64 ".%03u\n", value / 1000, (unsigned int)(value % 1000));
	else
		fprintf(out, "} %" PRIu64 "\n", value);
}

static uint64_t number_at(const void *object, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)object + offset, sizeof(value));
	return value;
}

static bool has_told(const struct metrics_mount *mount, enum whose whose)
{
	return mount->up && (whose == ALL || mount->sample.status.caller_admin) &&
	       (whose != DISK || mount->sample.tier.flags & SPOOL_CTL_TIER_ON);
}

static void print_of_mounts(const struct printer *p, const struct number *number)
{
	head(p->out, number->name, number->type, number->help);
	for (size_t i = 0; i < p->n; i++) {
		if (!has_told(&p->mounts[i], number->whose))
			continue;
		begin(p, number->name, i);
		put_number(p->out, number_at(&p->mounts[i], number->offset), number->unit);
	}
}

static void print_of_users(const struct printer *p, const struct number *number)
{
	head(p->out, number->name, number->type, number->help);
	for (size_t i = 0; i < p->n; i++) {
		for (size_t j = 0; j < p->mounts[i].sample.n; j++) {
			const struct top_user *user = &p->mounts[i].sample.users[j];
			uint64_t value = number_at(user, number->offset);

			if (number->unit == UNKNOWN && value == SPOOL_CTL_NO_LIMIT)
				continue;
			begin(p, number->name, i);
			fprintf(p->out, ",uid=\"%u\"", user->told.uid);
			put_number(p->out, value, number->unit);
		}
	}
}

static void print_info(const struct printer *p)
{
	head(p->out, "spoolfs_mounts", "gauge", "Mounts that can be seen here.");
	fprintf(p->out, "spoolfs_mounts %zu\n", p->n);
	head(p->out, "spoolfs_up", "gauge", "Whether the daemon of a mount answers.");
	for (size_t i = 0; i < p->n; i++) {
		begin(p, "spoolfs_up", i);
		fprintf(p->out, "} %d\n", p->mounts[i].up);
	}
	head(p->out, "spoolfs_info", "gauge", "What a mount is.");
	for (size_t i = 0; i < p->n; i++) {
		const struct spool_ctl_status *status = &p->mounts[i].sample.status;

		if (!p->mounts[i].up)
			continue;
		begin(p, "spoolfs_info", i);
		fprintf(p->out, ",version=\"");
		put_value(p->out, status->daemon_version);
		fprintf(p->out, "\",layout=\"%s\",transport=\"",
			spool_ctl_shown(SPOOL_CTL_LAYOUTS, status->layout));
		put_value(p->out, status->transport);
		fputs("\"} 1\n", p->out);
	}
}

static void print_flag(const struct printer *p, const char *name, enum whose whose,
		       const char *help, bool (*is_set)(const struct metrics_mount *mount))
{
	head(p->out, name, "gauge", help);
	for (size_t i = 0; i < p->n; i++) {
		if (!has_told(&p->mounts[i], whose))
			continue;
		begin(p, name, i);
		fprintf(p->out, "} %d\n", is_set(&p->mounts[i]));
	}
}

static bool is_failing(const struct metrics_mount *mount)
{
	return mount->sample.tier.flags & SPOOL_CTL_TIER_FAILING;
}

static bool may_swap(const struct metrics_mount *mount)
{
	return !(mount->sample.status.protect & SPOOL_CTL_PROTECT_NOSWAP);
}

static bool is_encrypted(const struct metrics_mount *mount)
{
	return mount->sample.tier.flags & SPOOL_CTL_TIER_ENCRYPT;
}

/* By resource: of the mount's limits, and of those of users. */
static void print_refused(const struct printer *p)
{
	static const char *const resources[] = {"size", "ram", "inodes"};
	static const char name[] = "spoolfs_refused_total";

	head(p->out, name, "counter", "Requests for more than a limit allows.");
	for (size_t i = 0; i < p->n; i++) {
		const struct spool_ctl_status *status = &p->mounts[i].sample.status;
		const uint64_t own[] = {status->usage.size_refused, status->usage.ram_refused,
					status->usage.inodes_refused};

		for (size_t j = 0; has_told(&p->mounts[i], ADMIN) && j < 3; j++) {
			begin(p, name, i);
			fprintf(p->out, ",limit=\"%s\",of=\"mount\"} %" PRIu64 "\n", resources[j],
				own[j]);
			begin(p, name, i);
			fprintf(p->out, ",limit=\"%s\",of=\"user\"} %" PRIu64 "\n", resources[j],
				status->users_refused[j]);
		}
	}
}

/* Requests that wait, and for how long the oldest has waited, by queue. */
static void print_waiting(const struct printer *p, const char *name, const char *help, bool oldest)
{
	head(p->out, name, "gauge", help);
	for (size_t i = 0; i < p->n; i++) {
		const struct spool_ctl_status *status = &p->mounts[i].sample.status;

		for (unsigned int j = 0; has_told(&p->mounts[i], ADMIN) && j < SPOOL_CTL_WAITING_N;
		     j++) {
			begin(p, name, i);
			fprintf(p->out, ",queue=\"%s\"", spool_ctl_shown(SPOOL_CTL_QUEUES, j));
			if (oldest)
				put_number(p->out, status->oldest[j].age_ms, MS);
			else
				put_number(p->out, status->waiting[j], PLAIN);
		}
	}
}

static void print_operations(const struct printer *p)
{
	static const char name[] = "spoolfs_operations_total";
	char number[16];

	head(p->out, name, "counter", "Requests that were served, by operation.");
	for (size_t i = 0; i < p->n; i++) {
		for (unsigned int j = 0; has_told(&p->mounts[i], ADMIN) && j < SPOOL_CTL_OPCODES;
		     j++) {
			if (p->mounts[i].requests.counts[j] == 0)
				continue;
			begin(p, name, i);
			fprintf(p->out, ",operation=\"%s\"", requests_name(j, number));
			put_number(p->out, p->mounts[i].requests.counts[j], PLAIN);
		}
	}
}

static void print_all(const struct printer *p, bool users)
{
	print_info(p);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(of_mounts); i++)
		print_of_mounts(p, &of_mounts[i]);
	print_flag(p, "spoolfs_disk_failing", DISK, "Whether the disk did not take the last data.",
		   is_failing);
	print_flag(p, "spoolfs_may_swap", ADMIN, "Whether file data may be swapped out.", may_swap);
	print_flag(p, "spoolfs_encrypted", DISK, "Whether data on the disk are encrypted.",
		   is_encrypted);
	print_refused(p);
	print_waiting(p, "spoolfs_waiting_requests", "Requests that wait.", false);
	print_waiting(p, "spoolfs_waiting_oldest_seconds",
		      "How long the request that has waited longest has waited.", true);
	print_operations(p);
	for (size_t i = 0; users && i < SPOOL_ARRAY_SIZE(of_users); i++)
		print_of_users(p, &of_users[i]);
}

void metrics_print(FILE *out, const struct metrics_mount *mounts, size_t n, bool users)
{
	const struct printer p = {out, mounts, calloc(n, sizeof(*p.labels)), n};

	for (size_t i = 0; p.labels && i < n; i++)
		p.labels[i] = make_value(mounts[i].path);
	print_all(&p, users);
	for (size_t i = 0; p.labels && i < n; i++)
		free(p.labels[i]);
	free(p.labels);
}
