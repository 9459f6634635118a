/* SPDX-License-Identifier: MIT */
#include "unmount.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "connection.h"
#include "mount_table.h"
#include "process.h"
#include "util/macros.h"

/* For one unmount. It takes milliseconds, unless the kernel waits for who served. A guess. */
#define UNMOUNT_MS 2000

enum { DONE = 0, FAILED = 1, NOT_OURS = 2 }; /* of a child */

struct request {
	const char *path;
	bool must_be_dead;
};

/* not stat(): the kernel answers that from its cache even for a dead mount */
static bool is_dead(const char *path)
{
	struct statvfs vfs;

	return statvfs(path, &vfs) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED || errno == ECANCELED);
}

/* In a child. */
static int unmount_one(void *arg)
{
	const struct request *request = arg;

	if (request->must_be_dead && !is_dead(request->path))
		return NOT_OURS;
	if (geteuid() != 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", request->path, NULL);
		return FAILED;
	}
	/* forced: it aborts where fusectl is not mounted */
	return umount2(request->path, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? DONE
										     : FAILED;
}

static int run_request(const char *path, bool must_be_dead)
{
	struct request request = {.path = path, .must_be_dead = must_be_dead};

	return spool_process_bounded(unmount_one, &request, UNMOUNT_MS);
}

int spool_unmount_path(const char *path)
{
	int r = run_request(path, false);

	return r > 0 ? -EIO : r;
}

/* Takes away the last of @places that nothing lies on. Return: 0, and *@ret_stranger when it turned
 * out not to be ours; -errno. */
static int unmount_last(const struct spool_place *places, int n, bool must_be_dead,
			bool *ret_stranger)
{
	int r;

	while (n > 0 && places[n - 1].covered)
		n--;
	if (n == 0)
		return -EBUSY;
	r = run_request(places[n - 1].path, must_be_dead);
	*ret_stranger = r == NOT_OURS;
	return r == FAILED ? -EIO : r < 0 ? r : 0;
}

/*
 * It may be mounted in several places of this namespace by now (bind mounts), and one below the
 * other. Every round takes one away, or it is the last: an unmount that says so and did not happen
 * is a failure.
 */
static int unmount_all(dev_t device, bool surely_ours)
{
	bool stranger = false;
	int r = 0, before = -1;

	while (r == 0 && !stranger) {
		struct spool_place *places = NULL;
		int n = spool_mount_table_find(device, &places);

		if (n <= 0)
			return n;
		r = before >= 0 && n >= before ? -EIO
					       : unmount_last(places, n, !surely_ours, &stranger);
		spool_mount_table_free(places, n);
		before = n;
		surely_ours = false; /* with the last mount the filesystem has gone */
	}
	return r;
}

int spool_unmount(struct spool_mount *mount)
{
	/* A device number is used again as soon as its filesystem is gone. While our connection
	 * lives so does our filesystem, and the number is ours; afterwards only a dead mount can be
	 * meant. */
	bool lives = spool_connection_lives(mount->fd);
	int r = 0;

	if (mount->device) {
		/* else the forced unmount does it, or closing what we and the worker hold */
		spool_connection_abort(mount->fd, mount->device);
		r = unmount_all(mount->device, lives);
	}
	mount->fd = spool_close(mount->fd);
	if (r == 0)
		mount->device = 0;
	return r;
}
