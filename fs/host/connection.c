/* SPDX-License-Identifier: MIT */
#include "host/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/macros.h"

bool spool_connection_lives(int fd)
{
	struct pollfd poll_fd = {.fd = fd};

	return fd >= 0 && poll(&poll_fd, 1, 0) == 0; /* fuse reports POLLERR once it has ended */
}

/* Return: a descriptor; -errno. */
static int open_file(dev_t device, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/%s", minor(device), name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int spool_connection_abort(int fd, dev_t device)
{
	int file, r = 0;

	if (!spool_connection_lives(fd))
		return 0;
	file = open_file(device, "abort", O_WRONLY);
	if (file < 0)
		return file;
	if (write(file, "1", 1) != 1)
		r = -errno;
	close(file);
	return r;
}

bool spool_connection_waits(int fd, dev_t device)
{
	char text[16] = "";
	spool_cleanup(fd) int file = -1;

	if (!spool_connection_lives(fd))
		return false;
	file = open_file(device, "waiting", O_RDONLY);
	return file < 0 || read(file, text, sizeof(text) - 1) <= 0 || atoi(text) > 0;
}

int spool_connection_read_ahead(int fd, dev_t device, unsigned int bytes)
{
	char path[64], text[16] = "";
	spool_cleanup(fd) int file = -1;
	int n;

	if (!spool_connection_lives(fd))
		return -ENOTCONN;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(device),
		 minor(device));
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (read(file, text, sizeof(text) - 1) > 0 && strtoul(text, NULL, 10) >= bytes >> 10)
		return 0;
	n = snprintf(text, sizeof(text), "%u", bytes >> 10);
	return pwrite(file, text, (size_t)n, 0) == n ? 0 : -errno;
}
