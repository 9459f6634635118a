/* SPDX-License-Identifier: MIT */
#include "volume/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/parse.h"

#define FIRST_PASSED 3 /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
#define BACKLOG 64     /* a guess */

static bool is_number(const char *variable, uint64_t wanted)
{
	const char *text = getenv(variable);
	uint64_t n;

	return text && spool_parse_count(text, &n) == 0 && n == wanted;
}

static bool was_passed(void)
{
	return is_number("LISTEN_PID", (uint64_t)getpid()) && is_number("LISTEN_FDS", 1);
}

static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = 0;

		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

/* Return: 0: there is none any more; -EADDRINUSE; -errno. */
static int remove_dead(const struct sockaddr_un *address)
{
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return -EADDRINUSE;
	if (errno == ENOENT)
		return 0;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

/* The mode is there before anybody can connect: bind(2) makes the name with it. */
static int make(const char *path, int *ret)
{
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = make_parents(address.sun_path);
	if (r == 0)
		r = remove_dead(&address);
	if (r < 0)
		return r;
	before = umask(0177);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	umask(before);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r == 0)
		*ret = spool_steal_fd(&fd);
	return r;
}

int listen_open(const char *path, struct listen_socket *ret)
{
	int r;

	if (was_passed()) {
		if (fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC) < 0 ||
		    fcntl(FIRST_PASSED, F_SETFL, O_NONBLOCK) < 0) {
			r = -errno;
			fprintf(stderr, "spoolfs-volume: the socket that was passed on: %s\n",
				strerror(-r));
			return r;
		}
		*ret = (struct listen_socket){.fd = FIRST_PASSED};
		return 0;
	}
	r = make(path, &ret->fd);
	if (r < 0)
		fprintf(stderr, "spoolfs-volume: %s: %s\n", path, strerror(-r));
	else
		ret->path = path;
	return r;
}

void listen_remove(const struct listen_socket *socket)
{
	if (socket->path && unlink(socket->path) < 0 && errno != ENOENT)
		fprintf(stderr, "spoolfs-volume: %s: %s\n", socket->path, strerror(errno));
}
