/* SPDX-License-Identifier: MIT */
#include "spoolctl/run_cover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/usage.h"
#include "common/userns.h"
#include "util/macros.h"

#define MODE 01777 /* of /tmp, file-hierarchy(7) */

struct place {
	const char *path; /* what is covered */
	const char *name; /* by what of the mount */
};

static const struct place places[] = {{"/tmp", "tmp"}, {"/var/tmp", "var-tmp"}};

/* Below the first of them; the others have none. */
static const char *const sockets[] = {"/tmp/.X11-unix", "/tmp/.ICE-unix"};

/* Return: EXIT_FAILED. */
static int failed(const char *what)
{
	fprintf(stderr, "spoolctl: run: --tmp: %s: %s\n", what, strerror(errno));
	return EXIT_FAILED;
}

/* As failed(), for what takes a user namespace. */
static int failed_as_user(const char *what)
{
	int value, error = errno;
	const char *name = userns_forbidden_by(&value);

	errno = error;
	if (!name)
		return failed(what);
	fprintf(stderr,
		"spoolctl: run: --tmp: %s: %s (users may have no user namespaces here: %s is %d)\n",
		what, strerror(error), name, value);
	return EXIT_FAILED;
}

/* Is @path below @directory? */
static bool is_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 && path[len] == '/';
}

int run_cover_check(void)
{
	spool_cleanup(free) char *here = getcwd(NULL, 0);

	for (size_t i = 0; here && i < SPOOL_ARRAY_SIZE(places); i++) {
		spool_cleanup(free) char *real = realpath(places[i].path, NULL);

		if (!real || !is_below(here, real))
			continue;
		fprintf(stderr,
			"spoolctl: run: --tmp: %s: the working directory would be covered "
			"(allowed: "
			"one that is not below %s)\n",
			here, places[i].path);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void path_of(const char *mount_dir, const struct place *place, char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s", mount_dir, place->name);
}

int run_cover_prepare(const char *mount_dir)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
		path_of(mount_dir, &places[i], path);
		if (mkdir(path, 0700) < 0) {
			fprintf(stderr,
				"spoolctl: run: --tmp: %s: %s (allowed: layout=single, "
				"layout=shared)\n",
				path, strerror(errno));
			return EXIT_FAILED;
		}
		/* where modes= forbids others, it is for its owner alone */
		if (chmod(path, MODE) < 0 && errno != EPERM)
			return failed(path);
	}
	return EXIT_OK;
}

/* Return: true; false with errno. */
static bool write_file(const char *path, const char *text)
{
	spool_cleanup(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Return: EXIT_OK, and whether a user namespace was needed; EXIT_FAILED after a line. */
static int make_namespaces(bool *ret_user)
{
	unsigned int uid = geteuid(), gid = getegid();
	char uids[32], gids[32];

	*ret_user = false;
	if (unshare(CLONE_NEWNS) == 0)
		return EXIT_OK;
	if (errno != EPERM)
		return failed("mount namespace");
	*ret_user = true;
	snprintf(uids, sizeof(uids), "%u %u 1", uid, uid);
	snprintf(gids, sizeof(gids), "%u %u 1", gid, gid);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return failed_as_user("user namespace");
	/* or somebody could leave a group that takes rights from him, user_namespaces(7) */
	if (!write_file("/proc/self/setgroups", "deny") ||
	    !write_file("/proc/self/uid_map", uids) || !write_file("/proc/self/gid_map", gids))
		return failed_as_user("ids of a user namespace");
	return EXIT_OK;
}

static bool is_same(const char *one, const char *two)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Return: true; false with errno. */
static bool mount_over(int fd, const char *path)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	/* what is mounted below may not be left out in a user namespace, mount_namespaces(7) */
	return mount(from, path, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* What is to be mounted: it is opened before the first place is covered, which may be where it is.
 */
struct sources {
	int places[SPOOL_ARRAY_SIZE(places)];
	int sockets[SPOOL_ARRAY_SIZE(sockets)]; /* -1: is not there */
};

static void open_sources(const char *mount_dir, struct sources *ret)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
		path_of(mount_dir, &places[i], path);
		ret->places[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sockets); i++)
		ret->sockets[i] = open(sockets[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void close_sources(const struct sources *sources)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++)
		spool_close(sources->places[i]);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sockets); i++)
		spool_close(sources->sockets[i]);
}

/* Return: true; false with errno. */
static bool lay_over(const struct sources *sources)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
		/* /var/tmp may be missing, or a link to /tmp */
		if (i > 0 &&
		    (access(places[i].path, F_OK) < 0 || is_same(places[i].path, places[0].path)))
			continue;
		if (!mount_over(sources->places[i], places[i].path))
			return false;
	}
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sockets); i++) {
		if (sources->sockets[i] >= 0 &&
		    (mkdir(sockets[i], 0700) < 0 || !mount_over(sources->sockets[i], sockets[i])))
			return false;
	}
	return true;
}

/* Return: the place that is the working directory, or NULL. */
static const char *place_here(void)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
		if (is_same(".", places[i].path))
			return places[i].path;
	}
	return NULL;
}

int run_cover_enter(const char *mount_dir)
{
	struct sources sources;
	const char *here;
	bool user, ok;
	int r = make_namespaces(&user);

	if (r != EXIT_OK)
		return r;
	here = place_here();
	open_sources(mount_dir, &sources);
	/* what is mounted on the host still comes here, and nothing of ours goes there */
	ok = mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 && lay_over(&sources) &&
	     (!here || chdir(here) == 0);
	close_sources(&sources);
	if (ok)
		return EXIT_OK;
	return user ? failed_as_user("cannot be covered") : failed("cannot be covered");
}
