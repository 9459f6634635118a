/* SPDX-License-Identifier: MIT */
#include "host/mount_table.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTINFO "/proc/self/mountinfo"

struct reading {
	struct libmnt_table *table;
	struct libmnt_iter *iter;
};

static void end_reading(struct reading *reading)
{
	mnt_free_iter(reading->iter);
	mnt_unref_table(reading->table);
}

static int begin_reading(struct reading *ret)
{
	int r;

	ret->table = mnt_new_table();
	ret->iter = mnt_new_iter(MNT_ITER_FORWARD);
	r = ret->table && ret->iter ? mnt_table_parse_file(ret->table, MOUNTINFO) : -ENOMEM;
	if (r == 0)
		return 0;
	end_reading(ret);
	return r < 0 ? r : -EIO;
}

static struct libmnt_fs *next(const struct reading *reading)
{
	struct libmnt_fs *fs;

	return mnt_table_next_fs(reading->table, reading->iter, &fs) == 0 ? fs : NULL;
}

/* Return: whether another mount is on the root of @below. */
static bool is_covered(const struct reading *reading, struct libmnt_fs *below)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *child;
	bool covered = false;

	while (iter && !covered &&
	       mnt_table_next_child_fs(reading->table, iter, below, &child) == 0)
		covered = strcmp(mnt_fs_get_target(child), mnt_fs_get_target(below)) == 0;
	mnt_free_iter(iter);
	return covered;
}

static int add(struct spool_place **places, int n, const struct spool_place *place)
{
	struct spool_place *more = reallocarray(*places, (size_t)n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*places = more;
	more[n] = *place;
	more[n].path = strdup(place->path);
	return more[n].path ? n + 1 : -ENOMEM;
}

int spool_mount_table_find(dev_t device, struct spool_place **ret)
{
	struct spool_place *places = NULL;
	struct reading reading;
	struct libmnt_fs *fs;
	int n = 0, r;

	r = begin_reading(&reading);
	if (r < 0)
		return r;
	while (r >= 0 && (fs = next(&reading))) {
		struct spool_place place = {
			.id = mnt_fs_get_id(fs),
			.path = (char *)(uintptr_t)mnt_fs_get_target(fs),
		};

		if (mnt_fs_get_devno(fs) != device || !place.path)
			continue;
		place.covered = is_covered(&reading, fs);
		r = add(&places, n, &place);
		n = r < 0 ? n : r;
	}
	end_reading(&reading);
	if (r < 0) {
		spool_mount_table_free(places, n);
		return r;
	}
	*ret = places;
	return n;
}

void spool_mount_table_free(struct spool_place *places, int n)
{
	for (int i = 0; i < n; i++)
		free(places[i].path);
	free(places);
}

dev_t spool_mount_table_device(const char *path)
{
	struct reading reading;
	struct libmnt_fs *fs;
	dev_t device = 0;

	if (begin_reading(&reading) < 0)
		return 0;
	while ((fs = next(&reading))) {
		const char *target = mnt_fs_get_target(fs);

		if (target && strcmp(target, path) == 0)
			device = mnt_fs_get_devno(fs); /* the last one is on top */
	}
	end_reading(&reading);
	return device;
}

bool spool_mount_table_is(const char *path, const char *type)
{
	struct reading reading;
	struct libmnt_fs *fs;
	bool is = false;

	if (begin_reading(&reading) < 0)
		return false;
	while ((fs = next(&reading))) {
		const char *target = mnt_fs_get_target(fs);

		if (target && strcmp(target, path) == 0) /* the last one is on top */
			is = mnt_fs_match_fstype(fs, type);
	}
	end_reading(&reading);
	return is;
}

/* "ID PARENT MAJOR:MINOR ...": before any path, so that nothing is escaped. */
static bool parse_device(const char *line, dev_t *ret)
{
	unsigned int major, minor;

	if (sscanf(line, "%*u %*u %u:%u", &major, &minor) != 2)
		return false;
	*ret = makedev(major, minor);
	return true;
}

int spool_mount_table_has(FILE *mountinfo, dev_t device)
{
	bool any = false, found = false;
	size_t size = 0;
	char *line = NULL;
	dev_t one;
	int r = 0;

	errno = 0;
	while (!found && getline(&line, &size, mountinfo) > 0) {
		if (!parse_device(line, &one))
			continue;
		any = true;
		found = one == device;
	}
	if (!found && (ferror(mountinfo) || errno))
		r = errno ? -errno : -EIO;
	free(line);
	if (r < 0)
		return r;
	return any ? found : -ENODATA;
}

int spool_mount_table_option(const char *path, const char *name)
{
	struct reading reading;
	struct libmnt_fs *fs;
	int r = begin_reading(&reading);
	bool has = false;

	if (r < 0)
		return r;
	while ((fs = next(&reading))) {
		const char *target = mnt_fs_get_target(fs);

		if (target && strcmp(target, path) == 0) /* the last one is on top */
			has = mnt_optstr_get_option(mnt_fs_get_fs_options(fs), name, NULL, NULL) ==
			      0;
	}
	end_reading(&reading);
	return has;
}
