/* SPDX-License-Identifier: MIT */
#include "process/attached.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/clock.h"
#include "ctl/record.h"
#include "host/mount_table.h"
#include "host/record.h"
#include "util/macros.h"

/* The table is read at most so often, and for at most a 20th of the time: a process of 10,000
 * mounts needs some 10 ms for it. Guesses. */
#define REST_MS 50u
#define REST_FACTOR 20u

/* When it could not be read, for want of memory or descriptors. A guess. */
#define RETRY_MS 1000u

#define MS_PER_S 1000u
#define NS_PER_MS 1000000u

struct spool_attached {
	dev_t device;
	int proc;     /* /proc, from where the table is opened */
	int table;    /* the table, open to be told of changes */
	bool changed; /* since it was read */
	bool blind; /* it was empty: our root is not in the tree, and another look tells no more */
	uint64_t rest_until_ms;
	struct spool_detach detach;
};

int spool_attached_new(dev_t device, struct spool_attached **ret)
{
	struct spool_attached *attached = calloc(1, sizeof(*attached));
	int r;

	if (!attached)
		return -ENOMEM;
	attached->device = device;
	attached->changed = true; /* before it was opened */
	attached->table = -1;
	attached->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (attached->proc >= 0)
		attached->table = openat(attached->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (attached->table < 0) {
		r = -errno;
		spool_attached_free(attached);
		return r;
	}
	*ret = attached;
	return 0;
}

void spool_attached_free(struct spool_attached *attached)
{
	if (!attached)
		return;
	spool_close(attached->table);
	spool_close(attached->proc);
	free(attached);
}

int spool_attached_fd(const struct spool_attached *attached)
{
	return attached && spool_clock_ms() >= attached->rest_until_ms ? attached->table : -1;
}

/* When it is to be read, though nobody says that it has changed; UINT64_MAX: not before. */
static uint64_t next_ms(const struct spool_attached *attached, uint32_t grace)
{
	if (attached->changed)
		return 0;
	return attached->blind ? UINT64_MAX : spool_detach_next(&attached->detach, grace);
}

int spool_attached_timeout(const struct spool_attached *attached, uint32_t grace)
{
	uint64_t now = spool_clock_ms(), next;

	if (!attached)
		return -1;
	if (now < attached->rest_until_ms)
		return (int)(attached->rest_until_ms - now); /* nobody polls the table until then */
	next = next_ms(attached, grace);
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)spool_min_u64(next - now, INT_MAX);
}

/* It is opened anew: what is open shows the tree of the root that we had then. A mount that moves
 * keeps its place in the table, and one that is made comes at its end, so that no change hides what
 * is mounted all the time. */
static int read_table(const struct spool_attached *attached)
{
	int fd = openat(attached->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC), r = -errno;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file) {
		spool_close(fd);
		return fd < 0 ? r : -ENOMEM;
	}
	r = spool_mount_table_has(file, attached->device);
	fclose(file);
	return r;
}

static enum spool_mounted look_at_table(struct spool_attached *attached)
{
	uint64_t begun = spool_clock_ms(), ended;
	int r = read_table(attached);

	ended = spool_clock_ms();
	attached->rest_until_ms = ended + spool_max_u64(REST_MS, (ended - begun) * REST_FACTOR);
	attached->blind = r == -ENODATA;
	attached->changed = r < 0 && !attached->blind;
	if (attached->changed)
		attached->rest_until_ms = ended + RETRY_MS;
	if (r < 0)
		return SPOOL_MOUNTED_UNKNOWN;
	return r > 0 ? SPOOL_MOUNTED_YES : SPOOL_MOUNTED_NO;
}

enum spool_detach_event spool_attached_look(struct spool_attached *attached, bool changed,
					    uint32_t grace)
{
	uint64_t now = spool_clock_ms();

	if (!attached)
		return SPOOL_DETACH_NOTHING;
	attached->changed |= changed;
	if (now < attached->rest_until_ms || now < next_ms(attached, grace))
		return SPOOL_DETACH_NOTHING;
	return spool_detach_look(&attached->detach, look_at_table(attached), grace, now);
}

/* Another record, before the old one goes: who looks meanwhile finds one of them. */
static void renew_record(const struct spool_attached *attached, uint32_t grace,
			 const struct spool_mount *mount, int *record)
{
	const struct spool_detach *detach = &attached->detach;
	struct spool_ctl_detached times = {0};
	struct timespec now;
	int fd;

	clock_gettime(CLOCK_REALTIME, &now);
	if (detach->detached)
		times.since_ms = (uint64_t)now.tv_sec * MS_PER_S +
				 (uint64_t)now.tv_nsec / NS_PER_MS -
				 (spool_clock_ms() - detach->since_ms);
	if (detach->detached && grace != SPOOL_DETACH_NEVER)
		times.until_ms = times.since_ms + (uint64_t)grace * MS_PER_S;
	fd = spool_record_open(mount->device, &times, mount->path);
	if (fd < 0)
		return; /* the old one tells the rest */
	spool_close(*record);
	*record = fd;
}

static void log_detached(const struct spool_attached *attached, uint32_t grace,
			 const struct spool_mount *mount, struct spool_log *log)
{
	uint64_t gone_ms = spool_clock_ms() - attached->detach.since_ms;
	uint64_t grace_ms = (uint64_t)grace * MS_PER_S;

	if (grace == SPOOL_DETACH_NEVER)
		spool_log(log, SPOOL_LOG_INFO,
			  "%s: mounted here no more, and still in use: served on (detach=never)",
			  mount->path);
	else
		spool_log(log, SPOOL_LOG_INFO,
			  "%s: mounted here no more, and still in use: everything goes in %" PRIu64
			  " s (detach=%u)",
			  mount->path,
			  grace_ms > gone_ms ? (grace_ms - gone_ms + MS_PER_S - 1) / MS_PER_S : 0,
			  grace);
}

void spool_attached_tell(const struct spool_attached *attached, enum spool_detach_event event,
			 uint32_t grace, const struct spool_mount *mount, struct spool_log *log,
			 int *record)
{
	switch (event) {
	case SPOOL_DETACH_NOTHING:
		return;
	case SPOOL_DETACH_BEGINS:
	case SPOOL_DETACH_CHANGED:
		log_detached(attached, grace, mount, log);
		break;
	case SPOOL_DETACH_CANCEL:
		spool_log(log, SPOOL_LOG_INFO, "%s: mounted again: stays", mount->path);
		break;
	case SPOOL_DETACH_ENDS:
		spool_log(log, SPOOL_LOG_INFO,
			  "%s: not mounted for %u s (detach=): everything goes now", mount->path,
			  grace);
		return;
	}
	renew_record(attached, grace, mount, record);
}
