/* SPDX-License-Identifier: MIT */

/*
 * The socket for the host's administration: who is answered, what is no call, and that nobody keeps
 * others out. What the calls do is tested with a mount. The time is the test's.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/proto.h"
#include "ctl/socket.h"
#include "engine_rig.h"
#include "fs.h"
#include "ops/control_server.h"
#include "options/options.h"
#include "util/macros.h"

#define PLACES 16u /* of control_server.c, as the following */
#define SILENCE_MS 10000u

#define GONE (-ENOTCONN) /* there is nobody any more who would answer */
#define OTHER_UID 65534u
#define LIMIT_S 60 /* a test that waits for longer has failed */

struct message {
	struct spool_ctl_message head;
	struct spool_ctl_wipe wipe;
};

static struct engine_rig rig;
static struct spool_options options;
static struct spool_fs fs;
static struct spool_control_server *server;
static struct sockaddr_un address;
static socklen_t address_len;
static _Atomic uint64_t now_ms;

/* In place of spool_clock_ms(), see meson.build. */
uint64_t __wrap_spool_clock_ms(void);

uint64_t __wrap_spool_clock_ms(void)
{
	return now_ms;
}

static int listen_here(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;

	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)), 0);
	/* the kernel finds a name */
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	address_len = sizeof(address);
	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&address, &address_len), 0);
	CU_ASSERT_EQUAL(listen(fd, SOMAXCONN), 0);
	return fd;
}

static void start_for(uid_t owner, pid_t supervisor)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	options.config.layout = SPOOL_LAYOUT_PRIVATE;
	fs = (struct spool_fs){.engine = rig.engine,
			       .options = &options,
			       .owner = owner,
			       .supervisor = supervisor};
	now_ms = 1000;
	CU_ASSERT_EQUAL_FATAL(spool_control_server_start(&fs, listen_here(), &server), 0);
}

/* As if we had mounted it, and were the process that listens. */
static void start(void)
{
	start_for(geteuid(), getpid());
}

static void end(void)
{
	spool_control_server_stop(server);
	engine_rig_fini(&rig);
}

static int join(void)
{
	const struct timeval limit = {.tv_sec = LIMIT_S};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, address_len), 0);
	return fd;
}

/* A call that is right: is a wipe being done? */
static struct message message(void)
{
	return (struct message){
		.head = {.version = SPOOL_CTL_VERSION, .call = (unsigned int)SPOOL_IOC_WIPE},
		.wipe = {.version = SPOOL_CTL_VERSION, .op = SPOOL_CTL_WIPE_ASK},
	};
}

/* Return: 0 and *@ret; the error that is answered; GONE. */
static int answer(int fd, struct message *ret)
{
	ssize_t n = recv(fd, ret, sizeof(*ret), 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -ETIMEDOUT : GONE;
	CU_ASSERT_EQUAL(n, (ssize_t)(ret->head.error ? sizeof(ret->head) : sizeof(*ret)));
	CU_ASSERT_EQUAL(ret->head.version, SPOOL_CTL_VERSION);
	CU_ASSERT_EQUAL(ret->head.reserved, 0);
	return ret->head.error;
}

/* @size bytes of @data. Return: as answer(). */
static int say(int fd, const void *data, size_t size)
{
	struct message got;

	if (send(fd, data, size, MSG_NOSIGNAL) < 0)
		return GONE;
	return answer(fd, &got);
}

static int ask(int fd)
{
	const struct message call = message();

	return say(fd, &call, sizeof(call));
}

/* @message with @data of @type (SCM_...). Return: as answer(), or why it could not be sent. */
static int ask_with(int fd, int type, const void *data, size_t size)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct message call = message();
	struct iovec iov = {.iov_base = &call, .iov_len = sizeof(call)};
	struct msghdr with = {.msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = CMSG_SPACE(size)};

	*(struct cmsghdr *)control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
	memcpy(CMSG_DATA((struct cmsghdr *)control), data, size);
	return sendmsg(fd, &with, MSG_NOSIGNAL) < 0 ? -errno : answer(fd, &call);
}

static void test_answers(void)
{
	struct message got;
	int a, b;

	start();
	a = join();
	b = join();
	CU_ASSERT_EQUAL(ask(b), 0);
	CU_ASSERT_EQUAL(ask(a), 0);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig.engine, NULL), 0);
	got = message();
	CU_ASSERT_EQUAL(send(a, &got, sizeof(got), 0), (ssize_t)sizeof(got));
	CU_ASSERT_EQUAL(answer(a, &got), 0);
	CU_ASSERT_EQUAL(got.head.call, (unsigned int)SPOOL_IOC_WIPE);
	CU_ASSERT_EQUAL(got.wipe.left, 1);
	end();
	/* who is still here at the end is let go */
	CU_ASSERT_EQUAL(ask(a), GONE);
	CU_ASSERT_EQUAL(ask(b), GONE);
	close(a);
	close(b);
}

/* What is no call is answered, and who sent it may go on. */
static void test_no_calls(void)
{
	static char large[sizeof(struct spool_ctl_message) + SPOOL_CTL_MAX + 2];
	static const size_t sizes[] = {1,
				       8,
				       sizeof(struct spool_ctl_message) - 1,
				       sizeof(struct spool_ctl_message),
				       sizeof(struct message) - 1,
				       sizeof(struct message) + 1,
				       sizeof(large) - 1,
				       sizeof(large)};
	struct message call;
	int fd;

	start();
	fd = join();
	call = message();
	memcpy(large, &call, sizeof(call));
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sizes); i++) {
		CU_ASSERT_EQUAL(say(fd, large, sizes[i]), -EPROTO);
		CU_ASSERT_EQUAL(ask(fd), 0);
	}
	call.head.version++;
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EPROTO);
	call = message();
	call.wipe.version = 0;
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EPROTO);
	call = message();
	call.head.error = -1;
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EINVAL);
	call = message();
	call.head.reserved = 1;
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EINVAL);
	call = message();
	call.wipe.op = SPOOL_CTL_WIPE_ASK + 1;
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EINVAL);
	call = message();
	call.head.call = (unsigned int)_IOWR(SPOOL_CTL_MAGIC, 99, struct spool_ctl_wipe);
	CU_ASSERT_EQUAL(say(fd, &call, sizeof(call)), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(ask(fd), 0);
	/* an empty packet looks like the end */
	CU_ASSERT_EQUAL(say(fd, "", 0), GONE);
	close(fd);
	end();
}

/* Root is who can send the pid of the process that listens; the owner is known by his uid. */
static void test_credentials(void)
{
	struct ucred cred = {.pid = getppid(), .uid = geteuid(), .gid = getegid()};
	int fd, r;

	start_for(geteuid() == 0 ? 0 : geteuid() + 1, getppid());
	fd = join();
	CU_ASSERT_EQUAL(ask(fd), geteuid() == 0 ? -EPERM : GONE);
	CU_ASSERT_EQUAL(ask(fd), GONE);
	close(fd);
	fd = join();
	r = geteuid() == 0 ? ask_with(fd, SCM_CREDENTIALS, &cred, sizeof(cred)) : 0;
	CU_ASSERT_TRUE(r == 0 || r == -EPERM); /* in a sandbox it cannot be sent */
	close(fd);
	fd = join();
	cred.uid = OTHER_UID;
	r = geteuid() == 0 ? ask_with(fd, SCM_CREDENTIALS, &cred, sizeof(cred)) : -EPERM;
	CU_ASSERT_EQUAL(r, -EPERM);
	close(fd);
	end();
}

/* Nobody else gets a place, or an answer. */
static void test_strangers(void)
{
	int fd;

	start();
	if (geteuid() == 0) {
		/* of this thread alone */
		CU_ASSERT_EQUAL(syscall(SYS_setresuid, -1, OTHER_UID, -1), 0);
		fd = join();
		CU_ASSERT_EQUAL(syscall(SYS_setresuid, -1, 0, -1), 0);
		CU_ASSERT_EQUAL(ask(fd), GONE);
		close(fd);
	}
	fd = join();
	CU_ASSERT_EQUAL(ask(fd), 0);
	close(fd);
	end();
}

/* Descriptors that come with a call are not kept. */
static void test_descriptors(void)
{
	int fd, ends[2];
	char c;

	start();
	fd = join();
	CU_ASSERT_EQUAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(ask_with(fd, SCM_RIGHTS, &ends[1], sizeof(ends[1])), 0);
	close(ends[1]);
	CU_ASSERT_EQUAL(read(ends[0], &c, 1), 0);
	close(ends[0]);
	close(fd);
	end();
}

/* Who has been silent for long enough leaves when somebody else comes, and no earlier. */
static void test_silent(void)
{
	int a, b, c;

	start();
	a = join();
	CU_ASSERT_EQUAL(ask(a), 0);
	now_ms += SILENCE_MS - 1;
	b = join();
	CU_ASSERT_EQUAL(ask(b), 0);
	CU_ASSERT_EQUAL(ask(a), 0);
	now_ms += SILENCE_MS;
	c = join();
	CU_ASSERT_EQUAL(ask(c), 0);
	CU_ASSERT_EQUAL(ask(a), GONE);
	CU_ASSERT_EQUAL(ask(b), GONE);
	CU_ASSERT_EQUAL(ask(c), 0);
	close(a);
	close(b);
	close(c);
	end();
}

/* One more than there are places gets that of who has been silent longest. */
static void test_places(void)
{
	int fds[PLACES], late;
	unsigned int gone = 0;

	start();
	for (size_t i = 0; i < PLACES; i++) {
		now_ms++;
		fds[i] = join();
		CU_ASSERT_EQUAL(ask(fds[i]), 0);
	}
	now_ms++;
	CU_ASSERT_EQUAL(ask(fds[0]), 0);
	now_ms++;
	late = join();
	CU_ASSERT_EQUAL(ask(late), 0);
	CU_ASSERT_EQUAL(ask(fds[1]), GONE);
	for (size_t i = 0; i < PLACES; i++) {
		gone += ask(fds[i]) == GONE;
		close(fds[i]);
	}
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(ask(late), 0);
	close(late);
	end();
}

/* Who takes no answers loses his place, and holds up nobody. */
static void test_takes_no_answers(void)
{
	const struct message call = message();
	int fd, other;

	start();
	fd = join();
	other = join();
	while (send(fd, &call, sizeof(call), MSG_NOSIGNAL) >= 0)
		;
	CU_ASSERT_TRUE(errno == EPIPE || errno == ECONNRESET);
	CU_ASSERT_EQUAL(ask(other), 0);
	close(fd);
	close(other);
	end();
}

/* A daemon whose socket could have no name serves none. */
static void test_without_name(void)
{
	start();
	spool_control_server_stop(server);
	CU_ASSERT_EQUAL_FATAL(
		spool_control_server_start(&fs, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
					   &server),
		0);
	end();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"answers", test_answers},
		{"what is no call", test_no_calls},
		{"credentials", test_credentials},
		{"strangers", test_strangers},
		{"descriptors", test_descriptors},
		{"silent", test_silent},
		{"places", test_places},
		{"takes no answers", test_takes_no_answers},
		{"without a name", test_without_name},
	};

	return unit_run("control_server", tests, SPOOL_ARRAY_SIZE(tests));
}
