/* SPDX-License-Identifier: MIT */
#include "process/control_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/socket.h"
#include "util/macros.h"

/* Callers that wait to be taken; the next ones wait in connect(2). A guess. */
#define BACKLOG 16

int spool_control_socket_new(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;

	/* what it accepts has this from it */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd < 0 ? -errno : fd;
}

/* Return: 0; -errno; -EPERM: somebody else could make files there. */
static int make_dir(const char *path)
{
	struct stat attr;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &attr) < 0)
		return -errno;
	return S_ISDIR(attr.st_mode) && attr.st_uid == geteuid() && !(attr.st_mode & 077) ? 0
											  : -EPERM;
}

/* Under another name first, so that a socket by the right name always listens, and replaces one
 * that a killed daemon has left. */
static int publish(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", path);
	if (unlink(address.sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (chmod(address.sun_path, 0600) == 0 && listen(fd, BACKLOG) == 0 &&
	    rename(address.sun_path, path) == 0)
		return 0;
	r = -errno;
	unlink(address.sun_path);
	return r;
}

int spool_control_socket_publish(int fd, dev_t device, struct spool_log *log)
{
	char dir[SPOOL_CTL_SOCKET_PATH], path[SPOOL_CTL_SOCKET_PATH];
	bool has_no_place;
	int r;

	spool_ctl_socket_dir(geteuid(), dir);
	spool_ctl_socket_path(geteuid(), device, path);
	r = make_dir(dir);
	if (r == 0)
		r = publish(fd, path);
	/* where there is no /run, or none for this user, is no news */
	has_no_place = r == -ENOENT || r == -EACCES || r == -EROFS;
	if (r < 0)
		spool_log(log, has_no_place ? SPOOL_LOG_DEBUG : SPOOL_LOG_WARNING,
			  "no socket for administration: %s: %s", dir, strerror(-r));
	return r;
}

/* Is it by @supervisor, or by nobody who listens still? */
static bool may_go(const char *path, pid_t supervisor)
{
	spool_cleanup(fd) int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred cred = {0};
	socklen_t size = sizeof(cred);

	strcpy(address.sun_path, path);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == ECONNREFUSED;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 && cred.pid == supervisor;
}

void spool_control_socket_remove(dev_t device, pid_t supervisor)
{
	char path[SPOOL_CTL_SOCKET_PATH];

	if (device == 0)
		return;
	spool_ctl_socket_path(geteuid(), device, path);
	if (may_go(path, supervisor))
		unlink(path);
}
