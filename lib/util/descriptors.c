/* SPDX-License-Identifier: MIT */
#include "util/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/parse.h"

/* Before Linux 5.9: one by one. */
static void close_range_slowly(unsigned int first, unsigned int last)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint32_t fd;

	while (dir && (entry = readdir(dir))) {
		if (spool_parse_id(entry->d_name, &fd) == 0 && fd >= first && fd <= last &&
		    (int)fd != dirfd(dir))
			close((int)fd);
	}
	if (dir)
		closedir(dir);
}

static void close_from(unsigned int first, unsigned int last)
{
	if (first <= last && close_range(first, last, 0) < 0 && errno == ENOSYS)
		close_range_slowly(first, last);
}

void spool_keep_descriptors(const int *keep, size_t n)
{
	int first = STDERR_FILENO + 1;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < n; i++) {
			if (keep[i] >= first && (next < 0 || keep[i] < next))
				next = keep[i];
		}
		if (next < 0)
			break;
		if (next > first)
			close_from((unsigned int)first, (unsigned int)next - 1);
		first = next + 1;
	}
	close_from((unsigned int)first, ~0U);
}

bool spool_stdio_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	spool_close(fd);
	return fd >= 0;
}

void spool_stdio_to_null(int last)
{
	int null;

	close(STDIN_FILENO); /* so that there is a free descriptor */
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return;
	for (int i = 0; i <= last; i++)
		dup2(null, i);
	if (null > last)
		close(null);
}

int spool_pass_descriptor(int socket, int fd, const void *data, size_t size, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

int spool_take_descriptor(int socket, void *ret_data, size_t size)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = ret_data, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	cmsg = CMSG_FIRSTHDR(&message);
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	if (n == (ssize_t)size)
		return fd;
	close(fd);
	return -EBADMSG;
}
