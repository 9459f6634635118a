/* SPDX-License-Identifier: MIT */
#include "process/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host/arena.h"
#include "process/farewell.h"
#include "process/handover.h"
#include "process/lifeline.h"
#include "process/limits.h"
#include "process/namespace.h"
#include "process/overdue.h"
#include "process/services.h"
#include "process/set_up.h"
#include "transport/channel.h"
#include "transport/outgoing.h"
#include "ctl/record.h"
#include "transport/devfuse.h"
#include "ops/control_server.h"
#include "ops/origin.h"
#include "fs.h"
#include "transport/handshake.h"
#include "transport/ring.h"
#include "security/sandbox.h"
#include "util/descriptors.h"
#include "util/macros.h"

struct worker {
	struct spool_fs fs;
	struct spool_arena arena;
	struct spool_origins origins;
	int control;                  /* the socket for administration; -1: none */
	int done;                     /* eventfd: a thread has ended */
	bool ended;                   /* all threads that use @fs have; it is set when we stop */
	char why[SPOOL_LOG_LINE_MAX]; /* not "": the line that says which option cannot be had */
};

/* The kernel sends FUSE_INIT with the mount. Return: 0; -errno: it was unmounted at once, or the
 * transport that transport= names cannot be had. */
static int wait_for_init(struct worker *worker)
{
	struct pollfd fds[] = {
		{.fd = worker->done, .events = POLLIN},
		{.fd = worker->fs.inited, .events = POLLIN},
	};
	uint64_t count;

	while (poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	if (!fds[1].revents)
		return -ENODEV; /* unmounted at once */
	/* what FUSE_INIT has set may be read from here on */
	if (read(worker->fs.inited, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	if (worker->fs.options->transport == SPOOL_TRANSPORT_URING && !worker->fs.rings) {
		snprintf(worker->why, sizeof(worker->why),
			 "transport=uring: %s (allowed: auto, dev)", worker->fs.transport_why);
		return -EOPNOTSUPP;
	}
	spool_log(worker->fs.log, SPOOL_LOG_DEBUG, "transport %s: %s",
		  worker->fs.rings ? "uring" : "dev", worker->fs.transport_why);
	return 0;
}

/* Waits until the mount has gone (a thread ends), or the supervisor says so or has gone (the socket
 * ends). getppid() would tell of the latter too late: a process that dies closes its files some
 * time before its children get another parent. Return: whether the mount is still there. */
static bool wait_for_end(struct worker *worker, int socket)
{
	struct pollfd fds[] = {
		{.fd = worker->done, .events = POLLIN},
		{.fd = socket, .events = POLLIN},
	};

	while (poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	return !fds[0].revents;
}

/* It needs what FUSE_INIT has set. */
static int serve_control(struct worker *worker)
{
	int fd = worker->control;

	worker->control = -1;
	return spool_control_server_start(&worker->fs, fd, &worker->fs.control_server);
}

static int run_session(struct worker *worker, int socket)
{
	static char name[] = "spoolfs", debug[] = "-d";
	char *argv[] = {name, worker->fs.options->debug ? debug : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(worker->fs.options->debug ? 2 : 1, argv);
	const char ok = WORKER_OK;
	dev_t device;
	struct spool_overdue *overdue;
	int fd, r = -ENOMEM;

	worker->fs.session =
		fuse_session_new(&args, spool_ops(), sizeof(struct fuse_lowlevel_ops), &worker->fs);
	fuse_opt_free_args(&args);
	if (!worker->fs.session)
		return r;
	/* all that can fail without a mount is to fail before there is one */
	r = spool_services_start(&worker->fs);
	if (r == 0 && write(socket, &ok, 1) != 1)
		r = -errno;
	if (r < 0)
		goto out;
	fd = spool_receive_fd(socket, &device);
	if (fd < 0) {
		r = fd == -EPIPE ? 0 : fd; /* nothing was mounted: the supervisor has said why */
		goto out;
	}
	r = spool_outgoing_attach(worker->fs.session, fd);
	if (r == 0)
		r = spool_devfuse_start(&worker->fs, fd, worker->done, &worker->fs.devfuse);
	if (r == 0)
		r = wait_for_init(worker);
	spool_sandbox_seal(&worker->fs.sandbox);
	if (r == 0 && worker->control >= 0)
		r = serve_control(worker);
	if (r == 0 && !worker->fs.options->foreground)
		spool_stdio_to_null(STDERR_FILENO);
	if (r == 0 && write(socket, &ok, 1) == 1 && wait_for_end(worker, socket))
		spool_farewell(&worker->fs);
out:
	overdue = r == 0 ? spool_overdue_start(&worker->fs) : NULL;
	worker->ended = spool_services_stop(&worker->fs);
	spool_overdue_stop(overdue);
	if (worker->ended)
		fuse_session_destroy(worker->fs.session);
	return r;
}

/* Logs error @r. Return: the exit status. */
static int failed(struct worker *worker, const char *doing, int r)
{
	if (*worker->why) {
		spool_log(worker->fs.log, SPOOL_LOG_ERROR, "%s", worker->why);
		return SPOOL_EXIT_USAGE;
	}
	spool_log(worker->fs.log, SPOOL_LOG_ERROR, "cannot %s: %s", doing, strerror(-r));
	return 1;
}

/* What the machine withholds, with which we serve all the same. */
static void warn(const struct spool_options *options, struct spool_log *log)
{
	uint64_t seconds = spool_cpu_seconds();

	if (*options->backing_why)
		spool_log(log, SPOOL_LOG_WARNING, "backing=/var/tmp, the default, %s: RAM only",
			  options->backing_why);
	if (seconds)
		spool_log(log, SPOOL_LOG_WARNING,
			  "RLIMIT_CPU is %" PRIu64 " s, and may not be raised: the kernel ends "
			  "the mount after as much CPU time",
			  seconds);
}

int spool_worker_main(const struct spool_options *options, struct spool_log *log, int socket,
		      int control, pid_t supervisor, struct spool_pulses *pulses,
		      struct spool_shared *shared)
{
	struct worker worker = {
		.ended = true,
		.fs = {.options = options,
		       .log = log,
		       .supervisor = supervisor,
		       .pulses = pulses,
		       .shared = shared,
		       .more_ops = spool_more_ops(),
		       .owner = geteuid()},
	};
	int r, status = 0;

	worker.control = control;
	prctl(PR_SET_NAME, SPOOL_CTL_WORKER);
	worker.fs.live = *options;
	worker.fs.arena = &worker.arena;
	worker.fs.origins = &worker.origins;
	spool_mutex_init(&worker.fs.set_lock);
	spool_harden();
	clock_gettime(CLOCK_BOOTTIME, &worker.fs.started);
	warn(options, log);
	r = spool_namespace_return(options->home);
	if (r < 0)
		return failed(&worker, "return to its mount namespace", r);
	r = spool_set_up(&worker.fs, &worker.arena, worker.why);
	if (r < 0)
		return failed(&worker, "set up the filesystem", r);
	spool_lifeline_hold(shared->alive);
	worker.fs.max_write = spool_handshake_max_write(options->machine_ram);
	r = -pthread_key_create(&worker.fs.buffer, free);
	if (r == 0)
		r = -pthread_key_create(&worker.fs.current, NULL);
	worker.done = eventfd(0, EFD_CLOEXEC);
	worker.fs.inited = eventfd(0, EFD_CLOEXEC);
	if (r == 0 && (worker.done < 0 || worker.fs.inited < 0))
		r = -errno;
	if (r == 0)
		r = run_session(&worker, socket);
	if (r < 0)
		status = failed(&worker, "serve", r);
	if (!spool_tear_down(&worker.fs, worker.ended) && status == 0)
		status = 1;
	atomic_store(&shared->said->in_order, status == 0);
	if (!worker.ended) {
		/* a thread in the kernel would keep the files of the backing directory; when it
		 * comes back it finds all that it needs, or the process has ended */
		spool_keep_descriptors(NULL, 0);
		_exit(status);
	}
	spool_close(worker.control);
	spool_close(worker.done);
	spool_close(worker.fs.inited);
	return status;
}
