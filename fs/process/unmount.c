/* SPDX-License-Identifier: MIT */
#include "process/unmount.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/connection.h"
#include "host/mount_table.h"
#include "host/process.h"
#include "host/served.h"
#include "util/descriptors.h"
#include "util/macros.h"

/* How long one unmount may take: milliseconds, unless the kernel waits for the process that served.
 * Then umount2(2) does not return though the mount has gone. So we look for the mount after each
 * LOOK_MS. Guesses. */
#define LOOK_MS 100
#define UNMOUNT_MS 2000

/* Bytes of stack with which fusermount3 can unmount: it has a buffer of 64 KiB there for a thread
 * (3.14); with 100 KiB it is killed no more. The rest is a guess. */
#define FUSERMOUNT_STACK ((rlim_t)256 << 10)

/* How a child ends. FUSERMOUNT_FAILED: whatever the reason; what lies between is an errno. */
enum { DONE = 0, FUSERMOUNT_FAILED = 1, NOT_OURS = 255 };

struct request {
	const char *path;
	bool must_be_dead;
	bool look_only; /* whether it is ours: nothing is unmounted */
	dev_t device;   /* 0: not known */
	int n;          /* places that it is mounted at */
};

/* not stat(): the kernel answers that from its cache, even for a dead mount */
static bool is_dead(const char *path)
{
	struct statvfs vfs;

	return statvfs(path, &vfs) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED || errno == ECANCELED);
}

/* Runs in a child. Who hangs must keep nothing open whose end others wait for. */
static int look(void *arg)
{
	const struct request *request = arg;

	spool_stdio_to_null(STDERR_FILENO);
	spool_keep_descriptors(NULL, 0);
	return is_dead(request->path) ? DONE : NOT_OURS;
}

bool spool_unmount_has_stack(uint64_t *ret_limit)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0)
		return true;
	*ret_limit = limit.rlim_max;
	return limit.rlim_max >= FUSERMOUNT_STACK;
}

/* A limit that a user sets for programs is not meant for fusermount3. */
static void raise_stack(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= FUSERMOUNT_STACK)
		return;
	limit.rlim_cur = FUSERMOUNT_STACK;
	setrlimit(RLIMIT_STACK, &limit);
}

/* Runs in a child. */
static int unmount_one(void *arg)
{
	const struct request *request = arg;

	spool_keep_descriptors(NULL, 0);
	if (geteuid() != 0) {
		raise_stack();
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", request->path, NULL);
		return errno;
	}
	spool_stdio_to_null(STDERR_FILENO);
	/* forced, as that aborts the connection where fusectl is not mounted */
	return umount2(request->path, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? DONE : errno;
}

static bool has_gone(const struct request *request)
{
	struct spool_place *places = NULL;
	int n;

	if (!request->device)
		return false;
	n = spool_mount_table_find(request->device, &places);
	if (n > 0)
		spool_mount_table_free(places, n);
	return n >= 0 && n < request->n;
}

/* Return: 0; NOT_OURS; -errno. */
static int result_of(int status)
{
	if (!WIFEXITED(status) || (geteuid() != 0 && WEXITSTATUS(status) == FUSERMOUNT_FAILED))
		return -EIO;
	return WEXITSTATUS(status) == NOT_OURS ? NOT_OURS : -WEXITSTATUS(status);
}

/* Return: 0; NOT_OURS; -errno. */
static int run_child(struct request *request, int (*run)(void *arg))
{
	pid_t pid = spool_process_start(run, request);
	int status = 0;

	if (pid < 0)
		return (int)pid;
	for (int waited = 0; waited < UNMOUNT_MS; waited += LOOK_MS) {
		if (spool_process_wait(pid, LOOK_MS, &status))
			return result_of(status);
		if (has_gone(request))
			return DONE; /* the child ends later, when the kernel lets it */
	}
	spool_process_kill(pid);
	return -ETIMEDOUT;
}

/* Return: 0; NOT_OURS; -errno. */
static int run_request(struct request *request)
{
	int r = request->must_be_dead ? run_child(request, look) : DONE;

	if (r != DONE || has_gone(request))
		return r;
	return request->look_only ? -EIO : run_child(request, unmount_one);
}

int spool_unmount_path(const char *path)
{
	struct request request = {.path = path};

	return run_request(&request);
}

int spool_unmount_dead(const char *path)
{
	struct request request = {.path = path, .must_be_dead = true};
	int r = run_request(&request);

	if (r == NOT_OURS)
		return 0;
	return r < 0 ? r : 1;
}

bool spool_unmount_hangs(const char *path)
{
	struct request request = {.path = path};

	return run_child(&request, look) == -ETIMEDOUT;
}

int spool_unmount_unserved(const char *path)
{
	dev_t device = spool_mount_table_device(path);
	int r = -ETIMEDOUT;

	if (device && spool_served_by_nobody("/proc", device) &&
	    spool_mount_table_device(path) == device)
		r = spool_unmount_path(path);
	return r < 0 ? r : 1;
}

/* Unmounts the last of @places that no other mount covers; @request says the rest. Return: 0;
 * *@ret_stranger is set when the mount there was not ours; -errno. */
static int unmount_last(struct request *request, const struct spool_place *places,
			bool *ret_stranger)
{
	int i = request->n, r;

	while (i > 0 && places[i - 1].covered)
		i--;
	if (i == 0)
		return -EBUSY;
	request->path = places[i - 1].path;
	r = run_request(request);
	*ret_stranger = r == NOT_OURS;
	return r < 0 ? r : 0;
}

/*
 * By now it may be mounted in several places of this namespace (bind mounts), and one below the
 * other. Each round unmounts one of them or is the last. When a round has left as many as there
 * were, what is there is a stranger's that got our number in between, or the unmount has failed.
 * What somebody else unmounts meanwhile (EINVAL) is looked for once more.
 */
static int unmount_all(dev_t device, bool surely_ours)
{
	struct request request;
	bool stranger = false;
	int r = 0, before = -1;

	while (r == 0 && !stranger) {
		struct spool_place *places = NULL;
		int n = spool_mount_table_find(device, &places);

		if (n <= 0)
			return n;
		request = (struct request){.must_be_dead = !surely_ours,
					   .look_only = before >= 0 && n >= before,
					   .device = device,
					   .n = n};
		r = unmount_last(&request, places, &stranger);
		if (r == -EINVAL && !request.look_only)
			r = 0;
		spool_mount_table_free(places, n);
		before = n;
		surely_ours = false; /* the filesystem went with its last mount */
	}
	return r;
}

int spool_unmount(struct spool_mount *mount)
{
	/* The kernel uses a device number again as soon as its filesystem has gone. While our
	 * connection lives our filesystem has the number. Afterwards only a dead mount with that
	 * number can be ours. */
	bool lives = spool_connection_lives(mount->fd);
	int r = 0;

	if (mount->device) {
		/* where this fails the forced unmount aborts it, or closing /dev/fuse does */
		spool_connection_abort(mount->fd, mount->device);
		r = unmount_all(mount->device, lives);
	}
	mount->fd = spool_close(mount->fd);
	if (r == 0)
		mount->device = 0;
	return r;
}
