/* SPDX-License-Identifier: MIT */
#include "volume/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/json.h"
#include "util/macros.h"
#include "util/text.h"
#include "volume/message.h"
#include "volume/options.h"

/* The format of the files. One of another version is not understood. */
#define VERSION 1

/* Bytes of a file, at most: names and options, and some 1000 holds. A guess. */
#define FILE_MAX ((size_t)256 << 10)

/* No volume's name begins with a dot. */
#define NEW_FILE ".new"

static void write_holds(struct json *json, const struct volume *volume)
{
	json_open(json, "holds", '[');
	for (size_t i = 0; i < volume->n_holds; i++) {
		const struct volume_hold *hold = &volume->holds[i];

		json_open(json, NULL, '{');
		json_string(json, "id", hold->id);
		json_number(json, "count", hold->count);
		json_number(json, "pid", (uint64_t)hold->engine.pid);
		json_number(json, "start", hold->engine.start);
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* Return: from malloc(3); NULL: no memory. */
static char *volume_to_text(const struct volume *volume)
{
	char *text = NULL;
	size_t size;
	struct json json = {.out = open_memstream(&text, &size), .first = true};

	if (!json.out)
		return NULL;
	json_open(&json, NULL, '{');
	json_number(&json, "version", VERSION);
	json_string(&json, "options", volume->options);
	json_number(&json, "created", (uint64_t)volume->created);
	json_number(&json, "major", major(volume->device));
	json_number(&json, "minor", minor(volume->device));
	json_bool(&json, "used", volume->used);
	json_bool(&json, "removed", volume->removed);
	write_holds(&json, volume);
	json_close(&json, '}');
	fputc('\n', json.out);
	if (fclose(json.out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

int state_save(int dir, const struct volume *volume)
{
	spool_cleanup(free) char *text = volume_to_text(volume);
	spool_cleanup(fd) int fd = -1;
	int r;

	if (!text)
		return -ENOMEM;
	if (strlen(text) >= FILE_MAX)
		return -EFBIG; /* it could not be read again, and the volume would be forgotten */
	fd = openat(dir, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0 && renameat(dir, NEW_FILE, dir, volume->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, NEW_FILE, 0);
	return r;
}

int state_remove(int dir, const struct volume *volume)
{
	return unlinkat(dir, volume->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Return: bytes; -errno; -EFBIG. */
static ssize_t read_file(int dir, const char *name, char *buf, size_t size)
{
	spool_cleanup(fd) int fd =
		openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t n = 0;

	if (fd < 0)
		return -errno;
	while (n < size) {
		ssize_t got = read(fd, buf + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return (ssize_t)n;
		n += (size_t)got;
	}
	return -EFBIG;
}

static int hold_from_message(void *arg, const struct message *message)
{
	struct volume *volume = arg;
	uint64_t count, pid, start;
	const char *id = message_string(message, "id");
	struct volume_engine engine;
	int r;

	if (!id || !message_number(message, "count", INT32_MAX, &count) || count < 1 ||
	    !message_number(message, "pid", INT32_MAX, &pid) ||
	    !message_number(message, "start", UINT64_MAX, &start))
		return -EINVAL;
	engine = (struct volume_engine){.pid = (pid_t)pid, .start = start};
	r = volume_hold(volume, id, &engine);
	if (r == 0)
		volume->holds[volume->n_holds - 1].count = (unsigned int)count;
	return r;
}

/* Return: 0; -EINVAL: it is no volume's; -ENOMEM. */
static int volume_from_message(struct volumes *volumes, const char *name,
			       const struct message *message)
{
	uint64_t version, created, device_major, device_minor;
	const char *options = message_string(message, "options");
	struct volume *volume;
	bool used, removed;
	int r;

	if (!message_number(message, "version", VERSION, &version) || version != VERSION ||
	    !options || strlen(options) >= VOLUME_OPTIONS_MAX ||
	    !message_number(message, "created", INT64_MAX, &created) ||
	    !message_number(message, "major", UINT32_MAX, &device_major) ||
	    !message_number(message, "minor", UINT32_MAX, &device_minor) ||
	    !message_bool(message, "used", &used) || !message_bool(message, "removed", &removed))
		return -EINVAL;
	volume = volumes_add(volumes, name, options);
	if (!volume)
		return -ENOMEM;
	volume->created = (int64_t)created;
	volume->device = makedev((unsigned int)device_major, (unsigned int)device_minor);
	volume->used = used;
	volume->removed = removed;
	r = message_objects(message, "holds", hold_from_message, volume);
	if (r < 0)
		volumes_drop(volumes, volume);
	return r;
}

/* No file of ours: a directory, a link, a socket, or too long. What else goes wrong may go by. */
static bool is_no_file(int r)
{
	return r == -EISDIR || r == -ELOOP || r == -ENXIO || r == -EFBIG;
}

/* Return: 0; -EINVAL and why it cannot be used; -ENOMEM; -errno: it cannot be read. */
static int load_one(int dir, const char *name, struct volumes *volumes, char *why, size_t size)
{
	spool_cleanup(free) char *buf = malloc(FILE_MAX);
	struct message *message;
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	if (!volume_name_is_right(name)) {
		snprintf(why, size, "no volume has such a name");
		return -EINVAL;
	}
	n = read_file(dir, name, buf, FILE_MAX);
	if (n < 0) {
		snprintf(why, size, "%s", strerror((int)-n));
		return is_no_file((int)n) ? -EINVAL : (int)n;
	}
	message = message_read(buf, (size_t)n, why, size);
	if (!message)
		return -EINVAL;
	r = volume_from_message(volumes, name, message);
	if (r == -EINVAL)
		snprintf(why, size, "not what this version writes");
	message_free(message);
	return r;
}

int state_load(int dir, struct volumes *volumes)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = -errno;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list) {
		spool_close(fd);
		return fd < 0 ? r : -ENOMEM;
	}
	r = 0;
	while (r == 0 && (entry = readdir(list))) {
		char why[128];

		if (entry->d_name[0] == '.')
			continue;
		r = load_one(dir, entry->d_name, volumes, why, sizeof(why));
		if (r != -EINVAL)
			continue;
		fputs("spoolfs-volume: ", stderr);
		spool_text_put(stderr, entry->d_name);
		fprintf(stderr, ": its state cannot be used: %s: forgotten\n", why);
		r = unlinkat(dir, entry->d_name, 0) < 0 && errno != EISDIR ? -errno : 0;
	}
	closedir(list);
	return r;
}
