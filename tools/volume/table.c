/* SPDX-License-Identifier: MIT */
#include "volume/table.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

#define FSTYPE "fuse.spoolfs"

/* What the kernel's text must hold, if there is one. Most tables hold none, and are not parsed. */
#define MARK " - " FSTYPE " "

/* A table of 10,000 mounts has some 2 MB. A guess, that bounds what others can make us read. */
#define TABLE_MAX ((size_t)64 << 20)

/* Return: all of it, with a NUL at its end; NULL: errno. */
static char *read_all(FILE *file)
{
	size_t size = 0, room = 16384;
	char *text = malloc(room);

	while (text) {
		char *more;

		size += fread(text + size, 1, room - size - 1, file);
		if (feof(file))
			break;
		if (ferror(file) || room >= TABLE_MAX) {
			if (!ferror(file))
				errno = EFBIG;
			free(text);
			return NULL;
		}
		more = realloc(text, 2 * room);
		if (!more)
			free(text);
		text = more;
		room *= 2;
	}
	if (text)
		text[size] = '\0';
	return text;
}

/* The part of @path below the mount point @above. */
static const char *below(const char *path, const char *above)
{
	size_t len = strlen(above);

	if (strcmp(above, "/") == 0)
		return path;
	return strncmp(path, above, len) == 0 ? path + len : NULL;
}

static char *place_path(struct libmnt_table *table, struct libmnt_fs *fs, dev_t *ret_device)
{
	struct libmnt_fs *parent = NULL;
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	const char *rest = NULL, *root;
	char *path;

	while (iter && mnt_table_next_fs(table, iter, &parent) == 0) {
		if (mnt_fs_get_id(parent) == mnt_fs_get_parent_id(fs))
			break;
		parent = NULL;
	}
	mnt_free_iter(iter);
	root = parent ? mnt_fs_get_root(parent) : NULL;
	if (parent && root && mnt_fs_get_target(parent))
		rest = below(mnt_fs_get_target(fs), mnt_fs_get_target(parent));
	if (!rest)
		return NULL; /* its parent is outside of what the process can see */
	*ret_device = mnt_fs_get_devno(parent);
	if (asprintf(&path, "%s%s", strcmp(root, "/") == 0 ? "" : root, rest) < 0)
		return NULL;
	return path;
}

static int walk(struct libmnt_table *table, int (*fn)(void *arg, const struct table_mount *mount),
		void *arg)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = iter ? 0 : -ENOMEM;

	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0) {
		const char *type = mnt_fs_get_fstype(fs);
		struct table_mount mount = {.device = mnt_fs_get_devno(fs),
					    .path = mnt_fs_get_target(fs)};

		if (!type || strcmp(type, FSTYPE) != 0 || !mount.path)
			continue;
		mount.place.path = place_path(table, fs, &mount.place.device);
		r = fn(arg, &mount);
		free(mount.place.path);
	}
	mnt_free_iter(iter);
	return r;
}

int table_each(FILE *mountinfo, int (*fn)(void *arg, const struct table_mount *mount), void *arg)
{
	spool_cleanup(free) char *text = read_all(mountinfo);
	struct libmnt_table *table;
	FILE *again;
	int r;

	if (!text)
		return errno ? -errno : -EIO;
	if (!strstr(text, MARK))
		return 0;
	again = fmemopen(text, strlen(text), "r");
	table = again ? mnt_new_table() : NULL;
	r = table ? mnt_table_parse_stream(table, again, "mountinfo") : -ENOMEM;
	if (r == 0)
		r = walk(table, fn, arg);
	mnt_unref_table(table);
	if (again)
		fclose(again);
	return r;
}

bool table_place_is(const struct table_place *place, const struct table_place *other)
{
	return place->path && other->path && place->device == other->device &&
	       strcmp(place->path, other->path) == 0;
}
