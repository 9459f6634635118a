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

/* Mounts by their numbers: tables of others may have 100,000 of them (fs.mount-max). */
struct index {
	struct libmnt_fs **all;
	size_t n;
};

static int by_id(const void *one, const void *other)
{
	struct libmnt_fs *const *a = one, *const *b = other;
	int left = mnt_fs_get_id(*a), right = mnt_fs_get_id(*b);

	return left < right ? -1 : left > right;
}

static int by_number(const void *key, const void *element)
{
	const int *number = key;
	struct libmnt_fs *const *fs = element;
	int id = mnt_fs_get_id(*fs);

	return *number < id ? -1 : *number > id;
}

static int index_mounts(struct libmnt_table *table, struct index *ret)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	int n = mnt_table_get_nents(table);
	struct libmnt_fs *fs;

	*ret = (struct index){.all = calloc((size_t)n + 1, sizeof(*ret->all))};
	if (!iter || !ret->all) {
		mnt_free_iter(iter);
		free(ret->all);
		ret->all = NULL;
		return -ENOMEM;
	}
	while (ret->n < (size_t)n && mnt_table_next_fs(table, iter, &fs) == 0)
		ret->all[ret->n++] = fs;
	mnt_free_iter(iter);
	qsort(ret->all, ret->n, sizeof(*ret->all), by_id);
	return 0;
}

static char *place_path(const struct index *index, struct libmnt_fs *fs, dev_t *ret_device)
{
	int number = mnt_fs_get_parent_id(fs);
	struct libmnt_fs *const *parent =
		bsearch(&number, index->all, index->n, sizeof(*index->all), by_number);
	const char *rest = NULL, *root;
	char *path;

	root = parent ? mnt_fs_get_root(*parent) : NULL;
	if (root && mnt_fs_get_target(*parent))
		rest = below(mnt_fs_get_target(fs), mnt_fs_get_target(*parent));
	if (!rest)
		return NULL; /* its parent is outside of what the process can see */
	*ret_device = mnt_fs_get_devno(*parent);
	if (asprintf(&path, "%s%s", strcmp(root, "/") == 0 ? "" : root, rest) < 0)
		return NULL;
	return path;
}

static int walk(struct libmnt_table *table, const struct index *index,
		int (*fn)(void *arg, const struct table_mount *mount), void *arg)
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
		mount.place.path = place_path(index, fs, &mount.place.device);
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
	struct index index = {0};
	FILE *again;
	int r;

	if (!text)
		return errno ? -errno : -EIO;
	if (!strstr(text, MARK))
		return 0;
	again = fmemopen(text, strlen(text), "r");
	table = again ? mnt_new_table() : NULL;
	r = table ? mnt_table_parse_stream(table, again, "/proc/self/mountinfo") : -ENOMEM;
	if (r == 0)
		r = index_mounts(table, &index);
	if (r == 0)
		r = walk(table, &index, fn, arg);
	free(index.all);
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
