/* SPDX-License-Identifier: MIT */
#include "security/subuid.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/loop.h"
#include "util/log.h"
#include "util/macros.h"
#include "util/parse.h"

/* Lower uids are those of the system and of people, whatever the file says. SUB_UID_MIN of
 * login.defs(5) is 100000. */
#define SUBUID_MIN 65536u

/* How long reading may take: while a mount is made, and in the thread, for which nobody waits. A
 * lookup at a directory service takes about 1 ms, and a large file has some ten thousand names.
 * Guesses. */
#define FIRST_MS 1000
#define AGAIN_MS 30000

/* Room for what is known of a user; more than any has. Guesses. */
#define ENTRY_FIRST ((size_t)1 << 10)
#define ENTRY_MAX ((size_t)1 << 20)

struct spool_subuids {
	const char *path;
	spool_read_subuids_fn reader;
	void *ctx;
	struct spool_log *log;
	bool is_unread;            /* of whoever looks: it could not be read the last time */
	_Atomic uint64_t looked_s; /* CLOCK_MONOTONIC: when the thread was last woken */
	struct spool_loop loop;    /* its lock covers the following */
	struct spool_subuid_table *table;
	struct stat seen; /* of the file that the table is from */
};

/* What getpwnam_r(3) returns where there is no such user, as its manual says. */
static bool says_nobody(int error)
{
	return error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

/* The uid of a user. Return: 0; -ENOENT: there is no such user; -errno: that cannot be told now,
 * as when a server of accounts does not answer. */
static int find_user(const char *name, uid_t *ret)
{
	spool_cleanup(free) char *buffer = NULL;
	struct passwd entry, *found = NULL;
	int error = ERANGE;

	for (size_t size = ENTRY_FIRST; error == ERANGE && size <= ENTRY_MAX; size *= 2) {
		free(buffer);
		buffer = malloc(size);
		error = buffer ? getpwnam_r(name, &entry, buffer, size, &found) : ENOMEM;
	}
	if (error == 0 && found)
		*ret = entry.pw_uid;
	else if (error == 0 || says_nobody(error))
		error = ENOENT;
	return -error;
}

/* @line: owner:first:count. Return: 1; 0: it is not that, or has no uid that may be subordinate, or
 * no user; -errno: it cannot be told whose it is. */
static int parse_line(char *line, struct spool_subuid_range *ret)
{
	char *save = NULL, *owner = strtok_r(line, ":", &save);
	char *first = strtok_r(NULL, ":", &save), *count = strtok_r(NULL, ":\n", &save);
	uint64_t from, n;
	int r;

	if (!count || spool_parse_count(first, &from) < 0 || spool_parse_count(count, &n) < 0 ||
	    from >= UINT32_MAX || n == 0 || n > UINT32_MAX || from + n <= SUBUID_MIN)
		return 0;
	r = spool_parse_id(owner, &ret->owner) == 0 ? 0 : find_user(owner, &ret->owner);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	ret->first = from < SUBUID_MIN ? SUBUID_MIN : (uid_t)from;
	ret->last = from + n > UINT32_MAX ? UINT32_MAX - 1 : (uid_t)(from + n - 1);
	return 1;
}

size_t spool_subuids_size(const struct spool_subuid_table *table)
{
	return sizeof(*table) + table->n * sizeof(table->ranges[0]);
}

bool spool_subuids_is_table(const void *bytes, size_t size)
{
	size_t n;

	if (size < sizeof(struct spool_subuid_table))
		return false;
	memcpy(&n, bytes, sizeof(n));
	size -= sizeof(struct spool_subuid_table);
	return size / sizeof(struct spool_subuid_range) == n &&
	       size % sizeof(struct spool_subuid_range) == 0;
}

/* One more range. Return: 0, and the table may have moved; -ENOMEM, and it is as it was. */
static int append(struct spool_subuid_table **table, const struct spool_subuid_range *range)
{
	size_t n = (*table)->n;
	struct spool_subuid_table *more =
		realloc(*table, sizeof(*more) + (n + 1) * sizeof(more->ranges[0]));

	if (!more)
		return -ENOMEM;
	more->ranges[more->n++] = *range;
	*table = more;
	return 0;
}

/* Return: 0; -errno: @table does not have all of @file. */
static int read_lines(FILE *file, struct spool_subuid_table **table)
{
	struct spool_subuid_range range;
	char *line = NULL;
	size_t room = 0;
	int r = 0;

	while (r >= 0 && getline(&line, &room, file) > 0) {
		r = parse_line(line, &range);
		if (r > 0)
			r = append(table, &range);
	}
	if (r >= 0)
		r = !ferror(file) && feof(file) ? 0 : -errno;
	free(line);
	return r;
}

struct spool_subuid_table *spool_subuids_read(void *ctx, const char *path, int limit_ms)
{
	struct spool_subuid_table *table = calloc(1, sizeof(*table));
	FILE *file = fopen(path, "re");
	/* no file is a file without lines; one that cannot be opened may have some */
	int r = file || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;

	(void)ctx;
	(void)limit_ms;
	if (!table)
		r = -ENOMEM;
	if (r == 0 && file)
		r = read_lines(file, &table);
	if (file)
		fclose(file);
	if (r == 0)
		return table;
	free(table);
	errno = -r;
	return NULL;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Is the table of the file as it is now, in *@ret? */
static bool is_current(struct spool_subuids *subuids, struct stat *ret)
{
	bool same;

	if (stat(subuids->path, ret) < 0)
		memset(ret, 0, sizeof(*ret));
	spool_loop_lock(&subuids->loop);
	same = subuids->table && is_same(ret, &subuids->seen);
	spool_loop_unlock(&subuids->loop);
	return same;
}

/* Sessions of uids are not ended by what may not hold any more (life/judge.c), so without a table
 * none is: that is not to happen in silence. @error: 0: it has been read. */
static void tell(struct spool_subuids *subuids, int error)
{
	bool was_unread = subuids->is_unread;

	if (error == ECANCELED)
		return;
	subuids->is_unread = error != 0;
	if (error && !was_unread)
		spool_log(subuids->log, SPOOL_LOG_WARNING,
			  "%s cannot be read: %s; until it can, sessions of uids do not end, and "
			  "subordinate uids are charged as before; tried again when it matters",
			  subuids->path, strerror(error));
	else if (!error && was_unread)
		spool_log(subuids->log, SPOOL_LOG_INFO, "%s has been read", subuids->path);
}

/* Reads the file if it has changed. */
static void look(struct spool_subuids *subuids, int limit_ms)
{
	struct spool_subuid_table *table;
	struct stat now;

	if (is_current(subuids, &now))
		return;
	table = subuids->reader(subuids->ctx, subuids->path, limit_ms);
	tell(subuids, table ? 0 : errno);
	if (!table)
		return;
	spool_loop_lock(&subuids->loop);
	free(subuids->table);
	subuids->table = table;
	subuids->seen = now;
	spool_loop_unlock(&subuids->loop);
}

static void *subuids_main(void *arg)
{
	struct spool_subuids *subuids = arg;
	uint64_t seen = 0;

	while (spool_loop_sleep(&subuids->loop, &seen, SPOOL_FOREVER))
		look(subuids, AGAIN_MS);
	return NULL;
}

static void wake(struct spool_subuids *subuids)
{
	spool_loop_lock(&subuids->loop);
	if (subuids->loop.n_threads == 0)
		spool_loop_start_locked(&subuids->loop, "spoolfs-subuid", subuids_main, subuids);
	spool_loop_wake_locked(&subuids->loop);
	spool_loop_unlock(&subuids->loop);
}

int spool_subuids_check(struct spool_subuids *subuids)
{
	struct stat now;

	if (is_current(subuids, &now))
		return 0;
	wake(subuids);
	return -EAGAIN;
}

void spool_subuids_refresh(struct spool_subuids *subuids, uid_t uid)
{
	struct timespec time;

	if (!subuids || uid < SUBUID_MIN)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	if (atomic_exchange(&subuids->looked_s, (uint64_t)time.tv_sec) == (uint64_t)time.tv_sec)
		return;
	wake(subuids);
}

int spool_subuids_new(const char *path, spool_read_subuids_fn reader, void *ctx,
		      struct spool_log *log, struct spool_subuids **ret)
{
	struct spool_subuids *subuids = calloc(1, sizeof(*subuids));

	assert(path && reader);
	if (!subuids)
		return -ENOMEM;
	subuids->path = path;
	subuids->reader = reader;
	subuids->ctx = ctx;
	subuids->log = log;
	subuids->looked_s = UINT64_MAX;
	spool_loop_init(&subuids->loop);
	look(subuids, FIRST_MS);
	*ret = subuids;
	return 0;
}

void spool_subuids_free(struct spool_subuids *subuids)
{
	if (!subuids)
		return;
	spool_loop_stop(&subuids->loop);
	spool_loop_fini(&subuids->loop);
	free(subuids->table);
	free(subuids);
}

uid_t spool_subuids_owner(void *ctx, uid_t uid)
{
	struct spool_subuids *subuids = ctx;
	uid_t owner = uid;

	if (uid < SUBUID_MIN)
		return uid;
	spool_loop_lock(&subuids->loop);
	for (size_t i = 0; subuids->table && i < subuids->table->n; i++) {
		const struct spool_subuid_range *range = &subuids->table->ranges[i];

		if (uid >= range->first && uid <= range->last) {
			owner = range->owner;
			break;
		}
	}
	spool_loop_unlock(&subuids->loop);
	return owner;
}
