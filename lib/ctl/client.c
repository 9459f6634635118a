/* SPDX-License-Identifier: MIT */
#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/socket.h"
#include "util/macros.h"

int spool_ctl_open(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Who listens must be the daemon's user. Return: 0 and its pid; -EPERM; -errno. */
static int check_daemon(int fd, uid_t uid, pid_t *ret_pid)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	if (cred.uid != uid)
		return -EPERM;
	*ret_pid = cred.pid;
	return 0;
}

int spool_ctl_connect(uid_t uid, dev_t device)
{
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct timeval limit = {.tv_sec = SPOOL_CTL_SOCKET_LIMIT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[SPOOL_CTL_SOCKET_PATH];
	pid_t pid;
	int r;

	spool_ctl_socket_path(uid, device, path);
	strcpy(address.sun_path, path);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = check_daemon(fd, uid, &pid);
	return r < 0 ? r : spool_steal_fd(&fd);
}

/* The pid shows what we may do (ctl/socket.h). Without the right to send it, our own goes. */
static int send_call(int fd, const struct spool_ctl_message *head, void *data)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct iovec iov[] = {{.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof(*head)},
			      {.iov_base = data, .iov_len = _IOC_SIZE(head->call)}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	struct ucred cred = {.uid = geteuid(), .gid = getegid()}, daemon;
	socklen_t size = sizeof(daemon);
	struct cmsghdr *header;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &daemon, &size) < 0)
		return -errno;
	cred.pid = daemon.pid;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(cred)),
				   .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_CREDENTIALS};
	memcpy(CMSG_DATA(header), &cred, sizeof(cred));
	if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno != EPERM && errno != ESRCH)
		return -errno;
	message.msg_control = NULL;
	message.msg_controllen = 0;
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int call_by_socket(int fd, unsigned int call, void *data)
{
	struct spool_ctl_message head = {.version = SPOOL_CTL_VERSION, .call = call};
	struct iovec iov[] = {{.iov_base = &head, .iov_len = sizeof(head)},
			      {.iov_base = data, .iov_len = _IOC_SIZE(call)}};
	int r = send_call(fd, &head, data);
	ssize_t n;

	if (r == 0) {
		n = readv(fd, iov, 2);
		if (n < 0)
			r = -errno;
		else if (n < (ssize_t)sizeof(head) || head.error > 0 ||
			 (head.error == 0 && (size_t)n != sizeof(head) + _IOC_SIZE(call)))
			r = n == 0 ? -ECONNABORTED : -EPROTO;
		else
			r = head.error;
	}
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

int spool_ctl_call(int fd, unsigned int call, void *data)
{
	socklen_t size = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
		return call_by_socket(fd, call, data);
	return ioctl(fd, call, data) < 0 ? -errno : 0;
}

int spool_ctl_set(int fd, const char *option, char ret_message[SPOOL_CTL_TEXT * 2])
{
	struct spool_ctl_set set = {.version = SPOOL_CTL_VERSION};
	int r;

	if (strlen(option) >= sizeof(set.option)) {
		snprintf(ret_message, sizeof(set.message),
			 "spoolfs: %.40s...: too long (allowed: %zu bytes)", option,
			 sizeof(set.option) - 1);
		return ENAMETOOLONG;
	}
	strcpy(set.option, option);
	r = spool_ctl_call(fd, SPOOL_IOC_SET, &set);
	if (r < 0)
		return r;
	set.message[sizeof(set.message) - 1] = '\0';
	if (set.error && *set.message)
		strcpy(ret_message, set.message);
	else if (set.error)
		snprintf(ret_message, sizeof(set.message), "spoolfs: %s", strerror(set.error));
	return set.error;
}

const char *spool_ctl_reason(int error)
{
	switch (error) {
	case ENOTTY:
		return "not on a spoolfs mount";
	case EPERM:
		return "only root and its owner may do that";
	case EPROTO:
		return "the daemon is of another version than this program (mount again, or use "
		       "its "
		       "own)";
	case ENOTCONN:
	case ECONNABORTED:
		return "dead: its daemon is gone (unmount it)";
	case ETIMEDOUT:
		return "does not answer";
	default:
		return strerror(error);
	}
}
