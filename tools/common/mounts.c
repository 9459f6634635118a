/* SPDX-License-Identifier: MIT */
#include "common/mounts.h"

#include <errno.h>
#include <libmount.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FSTYPE "fuse.spoolfs"

static bool is_ours(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, FSTYPE) == 0 && mnt_fs_get_target(fs);
}

/* The kernel shows it: user_id= (fuse_show_options() of Linux). */
static uid_t mounted_by(struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_fs_options(fs);
	char *value;
	size_t size;

	if (!options || mnt_optstr_get_option(options, "user_id", &value, &size) != 0)
		return (uid_t)-1;
	return (uid_t)strtoul(value, NULL, 10);
}

static int walk(struct libmnt_table *table, int (*fn)(void *arg, const struct mounts_entry *entry),
		void *arg)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = 0;

	if (!iter) {
		errno = ENOMEM;
		return -1;
	}
	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const struct mounts_entry entry = {
			.path = mnt_fs_get_target(fs),
			.device = mnt_fs_get_devno(fs),
			.uid = mounted_by(fs),
		};

		if (is_ours(fs))
			r = fn(arg, &entry);
	}
	mnt_free_iter(iter);
	return r;
}

int mounts_each(FILE *mountinfo, int (*fn)(void *arg, const struct mounts_entry *entry), void *arg)
{
	struct libmnt_table *table = mnt_new_table();
	int r = -ENOMEM;

	/* libmount looks the name up: in the working directory it would be on a mount that hangs */
	if (table)
		r = mnt_table_parse_stream(table, mountinfo, "/proc/self/mountinfo");
	if (r == 0) {
		r = walk(table, fn, arg);
	} else {
		errno = r < 0 ? -r : EIO;
		r = -1;
	}
	mnt_unref_table(table);
	return r;
}

static int is_same(void *arg, const struct mounts_entry *entry)
{
	return strcmp(arg, entry->path) == 0;
}

bool mounts_has(const char *path)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	bool found = true;

	if (!mountinfo)
		return found;
	found = mounts_each(mountinfo, is_same, (void *)(uintptr_t)path) != 0;
	fclose(mountinfo);
	return found;
}
