/* SPDX-License-Identifier: MIT */
#include "ops/control_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/proto.h"
#include "ctl/socket.h"
#include "fs.h"
#include "host/clock.h"
#include "host/thread.h"
#include "ops/control_call.h"
#include "ops/control_table.h"
#include "util/descriptors.h"
#include "util/macros.h"

/* Callers at a time, and how long one may be silent, in ms. The next one takes the place of who has
 * been silent longest, so that nobody is kept out by those who say nothing. Guesses. */
#define CALLERS 16u
#define SILENCE_MS 10000u

/* When no descriptor is left for a caller. A guess. */
#define SHORTAGE_MS 100

struct caller {
	int fd; /* -1: the place is free */
	uint64_t since_ms;
};

struct packet {
	struct spool_ctl_message head;
	_Alignas(8) char data[SPOOL_CTL_MAX + 1];
};

_Static_assert(offsetof(struct packet, data) == sizeof(struct spool_ctl_message), "one packet");

struct spool_control_server {
	struct spool_fs *fs;
	int listener;
	int stop; /* an eventfd */
	pthread_t thread;
	struct caller callers[CALLERS];
	struct packet in, out;
};

/* By what the kernel says: see ctl/socket.h. */
static bool may_call(const struct spool_fs *fs, const struct ucred *cred)
{
	if (fs->owner != 0 && cred->uid == fs->owner)
		return true;
	return cred->uid == 0 && cred->pid == fs->supervisor;
}

/* Return: 0, with the answer at server->out.data; -errno. */
static int serve(struct spool_control_server *server, const struct ucred *cred, size_t size)
{
	const struct spool_ctl_message *head = &server->in.head;
	struct control_call call = {
		.fs = server->fs,
		.cred = {.uid = cred->uid, .gid = cred->gid},
		.dir = SPOOL_INO_ROOT,
		.in = server->in.data,
		.in_size = size,
		.out_size = size,
		.answer = server->out.data,
	};
	const struct control_entry *entry;
	uint32_t version;

	if (!may_call(server->fs, cred))
		return -EPERM;
	if (head->version != SPOOL_CTL_VERSION || size < sizeof(version) ||
	    size != _IOC_SIZE(head->call))
		return -EPROTO;
	memcpy(&version, server->in.data, sizeof(version));
	if (version != SPOOL_CTL_VERSION)
		return -EPROTO;
	if (head->error || head->reserved)
		return -EINVAL;
	entry = control_find(head->call);
	if (!entry || !entry->by_socket)
		return -EOPNOTSUPP;
	entry->fn(&call);
	return call.result;
}

/* Return: bytes of server->in, with who has sent them; 0: he has gone; -EAGAIN; -EBADMSG: no packet
 * that could be a call; -errno. */
static ssize_t receive(struct spool_control_server *server, int fd, struct ucred *ret)
{
	/* no room for descriptors: the kernel then passes none */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {.iov_base = &server->in, .iov_len = sizeof(server->in)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	const struct cmsghdr *header;
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	header = CMSG_FIRSTHDR(&message);
	if ((size_t)n < sizeof(server->in.head) || (message.msg_flags & MSG_TRUNC) || !header ||
	    header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS ||
	    header->cmsg_len != CMSG_LEN(sizeof(*ret)))
		return -EBADMSG;
	memcpy(ret, CMSG_DATA(header), sizeof(*ret));
	return n;
}

/* Return: false: nothing more comes from him, or he does not take his answer. */
static bool take_call(struct spool_control_server *server, int fd)
{
	struct spool_ctl_message *out = &server->out.head;
	struct ucred cred;
	ssize_t n = receive(server, fd, &cred);
	size_t size;

	if (n == -EAGAIN || n == -EINTR)
		return true;
	if (n == 0 || (n < 0 && n != -EBADMSG))
		return false;
	size = n < 0 ? 0 : (size_t)n - sizeof(*out);
	*out = (struct spool_ctl_message){.version = SPOOL_CTL_VERSION};
	out->call = n < 0 ? 0 : server->in.head.call;
	out->error = n < 0 ? -EPROTO : serve(server, &cred, size);
	size = out->error ? sizeof(*out) : sizeof(*out) + size;
	return send(fd, &server->out, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size &&
	       out->error != -EPERM;
}

static void leave(struct caller *caller)
{
	caller->fd = spool_close(caller->fd);
}

static bool is_stranger(const struct spool_control_server *server, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ||
	       (cred.uid != 0 && cred.uid != server->fs->owner);
}

/* He who waits to be taken would wake us again at once. */
static void pause_ms(const struct spool_control_server *server, int ms)
{
	struct pollfd fd = {.fd = server->stop, .events = POLLIN};

	poll(&fd, 1, ms);
}

static void take_caller(struct spool_control_server *server)
{
	struct caller *place = &server->callers[0];
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		pause_ms(server, SHORTAGE_MS);
		return;
	}
	if (fd < 0)
		return; /* he has gone again */
	if (is_stranger(server, fd)) {
		close(fd);
		return;
	}
	for (size_t i = 0; i < CALLERS && place->fd >= 0; i++) {
		struct caller *other = &server->callers[i];

		if (other->fd < 0 || other->since_ms < place->since_ms)
			place = other;
	}
	leave(place);
	*place = (struct caller){.fd = fd, .since_ms = spool_clock_ms()};
}

/* Those who have been silent for too long leave. Return: ms until the next one has; -1: nobody is
 * here. */
static int look_after(struct spool_control_server *server)
{
	uint64_t now = spool_clock_ms(), first = SILENCE_MS;
	bool any = false;

	for (size_t i = 0; i < CALLERS; i++) {
		struct caller *caller = &server->callers[i];
		uint64_t age = now > caller->since_ms ? now - caller->since_ms : 0;

		if (caller->fd < 0)
			continue;
		if (age >= SILENCE_MS) {
			leave(caller);
			continue;
		}
		any = true;
		first = spool_min_u64(first, SILENCE_MS - age);
	}
	return any ? (int)first : -1;
}

static void *server_main(void *arg)
{
	struct spool_control_server *server = arg;

	for (;;) {
		struct pollfd fds[CALLERS + 2] = {{.fd = server->stop, .events = POLLIN},
						  {.fd = server->listener, .events = POLLIN}};
		int timeout = look_after(server);

		for (size_t i = 0; i < CALLERS; i++)
			fds[i + 2] = (struct pollfd){.fd = server->callers[i].fd, .events = POLLIN};
		if (poll(fds, SPOOL_ARRAY_SIZE(fds), timeout) < 0)
			continue;
		if (fds[0].revents)
			return NULL;
		for (size_t i = 0; i < CALLERS; i++) {
			if (!fds[i + 2].revents)
				continue;
			server->callers[i].since_ms = spool_clock_ms();
			if (!take_call(server, server->callers[i].fd))
				leave(&server->callers[i]);
		}
		if (fds[1].revents & POLLIN)
			take_caller(server);
		else if (fds[1].revents)
			server->listener = spool_close(server->listener); /* it has no name */
	}
}

static void server_free(struct spool_control_server *server)
{
	for (size_t i = 0; i < CALLERS; i++)
		leave(&server->callers[i]);
	spool_close(server->listener);
	spool_close(server->stop);
	free(server);
}

int spool_control_server_start(struct spool_fs *fs, int fd, struct spool_control_server **ret)
{
	struct spool_control_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		spool_close(fd);
		return -ENOMEM;
	}
	server->fs = fs;
	server->listener = fd;
	for (size_t i = 0; i < CALLERS; i++)
		server->callers[i].fd = -1;
	server->stop = eventfd(0, EFD_CLOEXEC);
	r = server->stop < 0
		    ? -errno
		    : spool_thread_start(&server->thread, "spoolfs-control", server_main, server);
	if (r < 0)
		server_free(server);
	else
		*ret = server;
	return r;
}

void spool_control_server_stop(struct spool_control_server *server)
{
	if (!server)
		return;
	eventfd_write(server->stop, 1);
	pthread_join(server->thread, NULL);
	server_free(server);
}
