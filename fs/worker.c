/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fs.h"
#include "mountpoint.h"
#include "util/host.h"
#include "util/macros.h"

/* Threads that wait in read(): one for each processor, two at least so that a long copy does not
 * stop everybody, and no more than are of use on /dev/fuse (a guess). */
#define THREADS_MIN 2
#define THREADS_MAX 16
#define THREAD_STACK (256u << 10) /* bytes; the deepest handler needs about 20 KiB (ioctl) */
#define JOIN_RETRY_NS (10 * 1000 * 1000)

struct worker {
	struct spool_fs fs;
	int done;     /* eventfd: a thread has ended */
	dev_t device; /* of the mount; 0 before there is one */
	bool orphan;  /* the supervisor ended without a word */
	pthread_t threads[THREADS_MAX];
	unsigned int n_running;
};

int spool_send_fd(int socket, int fd, dev_t device)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &device, .iov_len = sizeof(device)};
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
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int spool_receive_fd(int socket, dev_t *ret_device)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = ret_device, .iov_len = sizeof(*ret_device)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&message);
	if (n != (ssize_t)sizeof(*ret_device) || !cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPIPE; /* the supervisor gave up */
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

void spool_stdio_to_null(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
}

static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct fuse_session *session = worker->fs.session;
	struct fuse_buf buf = {.mem = NULL};

	while (!fuse_session_exited(session)) {
		int r = fuse_session_receive_buf(session, &buf);

		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	fuse_session_exit(session);
	if (eventfd_write(worker->done, 1) < 0)
		spool_log(worker->fs.log, SPOOL_LOG_ERROR, "eventfd: %s", strerror(errno));
	return NULL;
}

static unsigned int threads_wanted(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < THREADS_MIN)
		return THREADS_MIN;
	return cpus > THREADS_MAX ? THREADS_MAX : (unsigned int)cpus;
}

static int start_threads(struct worker *worker)
{
	unsigned int n = threads_wanted();
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	worker->fs.n_threads = n;
	for (; worker->n_running < n; worker->n_running++) {
		r = -pthread_create(&worker->threads[worker->n_running], &attr, serve, worker);
		if (r < 0)
			break;
	}
	pthread_attr_destroy(&attr);
	worker->fs.n_threads = worker->n_running;
	return worker->n_running > 0 ? 0 : r;
}

static void wake(int signal)
{
	(void)signal; /* only there to interrupt a read() */
}

/* A signal that comes just before a read() is lost on it, so it is sent until the thread is gone.
 */
static void stop_threads(struct worker *worker)
{
	fuse_session_exit(worker->fs.session);
	for (unsigned int i = 0; i < worker->n_running; i++) {
		int r;

		do {
			struct timespec until;

			pthread_kill(worker->threads[i], SIGUSR1);
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += JOIN_RETRY_NS;
			if (until.tv_nsec >= 1000000000) {
				until.tv_nsec -= 1000000000;
				until.tv_sec++;
			}
			r = pthread_timedjoin_np(worker->threads[i], NULL, &until);
		} while (r == ETIMEDOUT);
	}
	worker->n_running = 0;
}

/* Until the mount is gone (a thread ends), or the supervisor says so, or is gone (the socket ends).
 * getppid() cannot tell that last: files are closed some time before the parent changes. */
static void wait_for_end(struct worker *worker, int socket)
{
	struct pollfd fds[] = {
		{.fd = worker->done, .events = POLLIN},
		{.fd = socket, .events = POLLIN},
	};
	char byte;

	while (poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	if (fds[1].revents)
		worker->orphan = recv(socket, &byte, 1, MSG_DONTWAIT) != 1;
}

static void harden(void)
{
	const struct rlimit no_core = {0, 0};
	struct sigaction action = {.sa_handler = wake};

	/* Data of files must not get into a core dump; the arena itself is also left out of them.
	 * Sanitizers look at their own process through ptrace, which this would forbid. */
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	setrlimit(RLIMIT_CORE, &no_core);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the terminal's ^C is the supervisor's */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	unsetenv("TMPDIR");
}

static int run_session(struct worker *worker, int socket)
{
	static char name[] = "spoolfs", debug[] = "-d";
	char *argv[] = {name, worker->fs.options->debug ? debug : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(worker->fs.options->debug ? 2 : 1, argv);
	const char ok = WORKER_OK;
	int fd, r = -ENOMEM;

	worker->fs.session =
		fuse_session_new(&args, spool_ops(), sizeof(struct fuse_lowlevel_ops), &worker->fs);
	if (!worker->fs.session)
		goto out;
	if (write(socket, &ok, 1) != 1) {
		r = -errno;
		goto out;
	}
	fd = spool_receive_fd(socket, &worker->device);
	if (fd < 0) {
		r = fd == -EPIPE ? 0 : fd; /* nothing was mounted: the supervisor has said why */
		goto out;
	}
	r = spool_channel_attach(worker->fs.session, fd);
	if (r == 0)
		r = start_threads(worker);
	if (r == 0 && !worker->fs.options->foreground)
		spool_stdio_to_null();
	if (r == 0 && write(socket, &ok, 1) == 1)
		wait_for_end(worker, socket);
	stop_threads(worker);
out:
	if (worker->fs.session)
		fuse_session_destroy(worker->fs.session);
	return r;
}

/* The supervisor was killed: nobody else will unmount. This is no duty of the worker's, which may
 * lack the rights; where it has them no dead mount is left. */
static void unmount_for_supervisor(const struct worker *worker)
{
	struct spool_mount mount = {.device = worker->device, .fd = -1};

	if (worker->device == 0 || !worker->orphan)
		return;
	spool_log(worker->fs.log, SPOOL_LOG_ERROR, "the supervisor is gone, unmounting");
	if (spool_mount_undo(&mount) < 0)
		spool_log(worker->fs.log, SPOOL_LOG_ERROR, "cannot unmount; a dead mount is left");
}

int spool_worker_main(const struct spool_options *options, struct spool_log *log, int socket,
		      pid_t supervisor)
{
	struct worker worker = {
		.fs = {.options = options,
		       .log = log,
		       .supervisor = supervisor,
		       .owner = geteuid()},
	};
	int r;

	harden();
	clock_gettime(CLOCK_BOOTTIME, &worker.fs.started);
	r = spool_engine_new(&options->config, spool_host_system(), log, &worker.fs.engine);
	if (r < 0) {
		spool_log(log, SPOOL_LOG_ERROR, "cannot set up the filesystem: %s", strerror(-r));
		return 1;
	}
	r = -pthread_key_create(&worker.fs.buffer, free);
	worker.done = eventfd(0, EFD_CLOEXEC);
	if (r == 0 && worker.done < 0)
		r = -errno;
	if (r == 0)
		r = run_session(&worker, socket);
	if (r < 0)
		spool_log(log, SPOOL_LOG_ERROR, "cannot serve: %s", strerror(-r));
	unmount_for_supervisor(&worker);
	if (!spool_engine_free(worker.fs.engine))
		r = -EIO;
	spool_close(worker.done);
	return r < 0 ? 1 : 0;
}
