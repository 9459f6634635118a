/* SPDX-License-Identifier: MIT */
#include "process/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/connection.h"
#include "ctl/record.h"
#include "process/janitor.h"
#include "process/mountpoint.h"
#include "host/process.h"
#include "host/record.h"
#include "host/service_manager.h"
#include "host/shared.h"
#include "process/unmount.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "process/watch.h"
#include "process/watchdog.h"
#include "process/announce.h"
#include "process/attached.h"
#include "process/child.h"
#include "process/control_socket.h"
#include "process/farewell.h"
#include "process/handover.h"
#include "process/lifeline.h"
#include "process/worker.h"

struct supervisor {
	const struct spool_options *options;
	struct spool_log *log;
	struct spool_mount mount;
	struct spool_janitor janitor;
	struct spool_watchdog *watchdog;
	struct spool_shared *shared;
	struct spool_attached *attached; /* NULL: nobody looks at the mount table */
	struct spool_service_manager manager;
	time_t janitor_since; /* CLOCK_MONOTONIC, in s */
	struct spool_child worker;
	int socket; /* to the worker; -1 when closed */
	int signals;
	int control; /* the socket for administration; < 0: none */
	int record;  /* tells spoolctl of a daemon without a mount; -1: none */
};

static void block_signals(sigset_t *old, sigset_t *blocked)
{
	sigemptyset(blocked);
	sigaddset(blocked, SIGTERM);
	sigaddset(blocked, SIGINT);
	sigaddset(blocked, SIGHUP);
	sigaddset(blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, blocked, old);
}

/* The worker closes all descriptors of the supervisor but those that it needs. */
static void forget_ours(const struct supervisor *sup, int socket)
{
	const int keep[] = {socket,
			    sup->options->backing_fd,
			    sup->options->alive_fd,
			    sup->options->home,
			    spool_watchdog_fd(sup->watchdog),
			    sup->shared->wake,
			    sup->shared->alive,
			    sup->shared->dies,
			    sup->shared->arena.fd,
			    sup->control};

	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
}

static int start_worker(struct supervisor *sup)
{
	pid_t self = getpid();
	sigset_t old, blocked;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (spool_lifeline_new(&sup->shared->alive, &sup->shared->dies) < 0)
		return -errno;
	sup->control = spool_control_socket_new();
	if (sup->control < 0)
		return sup->control;
	block_signals(&old, &blocked);
	sup->signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->signals < 0)
		return -errno;
	sup->worker.pid = fork();
	if (sup->worker.pid < 0)
		return -errno;
	if (sup->worker.pid == 0) {
		forget_ours(sup, pair[1]);
		sigprocmask(SIG_SETMASK, &old, NULL);
		exit(spool_worker_main(sup->options, sup->log, pair[1], sup->control, self,
				       spool_watchdog_pulses(sup->watchdog), sup->shared));
	}
	close(sup->shared->alive);
	close(pair[1]);
	sup->socket = pair[0];
	return 0;
}

/* One byte from the worker. Return: false when it has ended instead. */
static bool worker_says_ok(struct supervisor *sup)
{
	char byte = 0;
	ssize_t n;

	do
		n = read(sup->socket, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && byte == WORKER_OK;
}

static void tell_worker(struct supervisor *sup)
{
	const char ok = WORKER_OK;

	if (sup->socket >= 0 && send(sup->socket, &ok, 1, MSG_NOSIGNAL) < 0)
		spool_log(sup->log, SPOOL_LOG_DEBUG, "the worker has ended: %s", strerror(errno));
	sup->socket = spool_close(sup->socket);
}

/* First by a byte on its socket, then by SIGKILL. */
static void stop_worker(struct supervisor *sup)
{
	tell_worker(sup);
	spool_child_end(&sup->worker, sup->options, sup->log);
}

static int start_janitor(struct supervisor *sup)
{
	int r;

	sup->janitor_since = spool_clock_s();
	atomic_store(&sup->shared->said->janitor, SPOOL_JANITOR_STARTS);
	r = spool_janitor_start(sup->options, sup->log, &sup->mount, sup->worker.pid,
				sup->shared->arena.fd, &sup->janitor);
	atomic_store(&sup->shared->said->janitor, sup->janitor.pid);
	return r;
}

/* The janitor never ends by itself. When it was killed another one is started, unless the last one
 * died at once. */
static void look_after_janitor(struct supervisor *sup)
{
	time_t now = spool_clock_s();
	int status;

	if (!spool_janitor_has_ended(&sup->janitor))
		return;
	atomic_store(&sup->shared->said->janitor, 0); /* before its number can be given to others */
	spool_process_wait(sup->janitor.pid, 0, &status);
	sup->janitor.pid = 0;
	sup->janitor.socket = spool_close(sup->janitor.socket);
	spool_log(sup->log, SPOOL_LOG_WARNING, "the janitor has ended%s",
		  now > sup->janitor_since ? ", starting another" : "");
	if (now > sup->janitor_since && start_janitor(sup) < 0)
		spool_log(sup->log, SPOOL_LOG_WARNING, "there is no janitor any more");
}

enum event { EVENT_STOP, EVENT_WORKER, EVENT_HANG, EVENT_DETACHED };

/* Tells the watchdog whether the worker was stopped, or continued, since the last call. */
static void see_whether_stopped(struct supervisor *sup)
{
	siginfo_t info = {0};

	while (waitid(P_PID, (id_t)sup->worker.pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
	       info.si_pid == sup->worker.pid) {
		spool_watchdog_stopped(sup->watchdog, info.si_code == CLD_STOPPED);
		info.si_pid = 0;
	}
}

/* Return: true: it has been mounted nowhere for too long. */
static bool see_whether_mounted(struct supervisor *sup, bool changed)
{
	uint32_t grace = atomic_load(&sup->shared->said->detach);
	enum spool_detach_event event;

	if (sup->attached && !spool_connection_lives(sup->mount.fd)) {
		/* unmounted, and in use by nobody: the worker is about to end */
		spool_attached_free(sup->attached);
		sup->attached = NULL;
	}
	event = spool_attached_look(sup->attached, changed, grace);
	spool_attached_tell(sup->attached, event, grace, &sup->mount, sup->log, &sup->record);
	return event == SPOOL_DETACH_ENDS;
}

/* In ms, for poll(2): the first of what wants to look at something. */
static int timeout(const struct supervisor *sup)
{
	const int all[] = {
		spool_watchdog_timeout(sup->watchdog),
		spool_attached_timeout(sup->attached, atomic_load(&sup->shared->said->detach)),
		spool_service_manager_timeout(&sup->manager),
	};
	int first = -1;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(all); i++) {
		if (all[i] >= 0 && (first < 0 || all[i] < first))
			first = all[i];
	}
	return first;
}

/* Return: true: EVENT_STOP or EVENT_WORKER, in *@ret. */
static bool read_signals(struct supervisor *sup, enum event *ret)
{
	struct signalfd_siginfo info;

	while (read(sup->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		*ret = info.ssi_signo == SIGCHLD ? EVENT_WORKER : EVENT_STOP;
		if (*ret == EVENT_STOP)
			return true;
		if (spool_child_wait(&sup->worker, 0))
			return true;
		see_whether_stopped(sup);
		look_after_janitor(sup);
	}
	return false;
}

/* The end of the holder: of a process (pidfd_open(2)) it is something to read; of a pipe or socket,
 * which may have data, that it hung up, which is told unasked. */
static short holder_events(int fd)
{
	if (pidfd_send_signal(fd, 0, NULL, 0) == 0 || errno != EBADF)
		return POLLIN;
	return 0;
}

/* Waits for what ends a mount. */
static enum event wait_for_event(struct supervisor *sup)
{
	struct pollfd fds[] = {
		{.fd = sup->signals, .events = POLLIN},
		{.fd = sup->options->holder_fd, .events = holder_events(sup->options->holder_fd)},
		{.fd = spool_watchdog_fd(sup->watchdog), .events = POLLIN},
		{.fd = sup->shared->wake, .events = POLLIN},
		{.events = POLLPRI},
		{.fd = sup->shared->dies}, /* POLLHUP */
	};
	enum event event;

	for (;;) {
		eventfd_t count;

		fds[4].fd = spool_attached_fd(sup->attached);
		fds[4].revents = 0;
		if (poll(fds, SPOOL_ARRAY_SIZE(fds), timeout(sup)) < 0 && errno != EINTR)
			return EVENT_STOP;
		if (fds[1].revents)
			return EVENT_STOP;
		if (read_signals(sup, &event))
			return event;
		if (fds[5].revents) {
			spool_child_wait(&sup->worker, SPOOL_GRACE_MS); /* mostly no time */
			return EVENT_WORKER;
		}
		eventfd_read(sup->shared->wake, &count);
		if (spool_watchdog_look(sup->watchdog, sup->worker.pid, &sup->mount))
			return EVENT_HANG;
		spool_service_manager_look(&sup->manager);
		if (see_whether_mounted(sup, fds[4].revents))
			return EVENT_DETACHED;
	}
}

/* Return: an option asked for what cannot be had. */
static bool was_refused(const struct supervisor *sup)
{
	return sup->worker.reaped && WIFEXITED(sup->worker.status) &&
	       WEXITSTATUS(sup->worker.status) == SPOOL_EXIT_USAGE;
}

static void say_how_it_ended(const struct supervisor *sup)
{
	if (WIFSIGNALED(sup->worker.status))
		spool_log(sup->log, SPOOL_LOG_ERROR, "%s: the worker was killed by signal %d",
			  sup->mount.path, WTERMSIG(sup->worker.status));
	else
		spool_log(sup->log, SPOOL_LOG_ERROR, "%s: the worker failed with status %d",
			  sup->mount.path, WEXITSTATUS(sup->worker.status));
}

/* Once told to stop: as long as the kernel drops what it has cached, and somewhat longer. */
static void wait_for_farewell(struct supervisor *sup)
{
	uint64_t seen, told = atomic_load(&sup->shared->said->told);

	for (unsigned int ms = 0; ms < SPOOL_FAREWELL_MS + SPOOL_GRACE_MS; ms += SPOOL_GRACE_MS) {
		bool ended = spool_child_is_dying(&sup->worker, SPOOL_GRACE_MS);

		seen = told;
		told = atomic_load(&sup->shared->said->told);
		if (ended || told == seen)
			return;
	}
}

/*
 * Aborts, unmounts and stops the worker; each of these waits for the others for a limited time.
 * Where we may not abort the connection, a worker that does not end keeps it alive. So what failed
 * before is tried again when the worker is dead.
 *
 * The worker is given time to end before the abort. If the connection is aborted while requests are
 * on their way to a ring, the kernel takes 5 s (FUSE_URING_TEARDOWN_INTERVAL) to release it.
 */
static int end_mount(struct supervisor *sup, bool in_order)
{
	int r;

	if (in_order) {
		tell_worker(sup);
		wait_for_farewell(sup);
	}
	r = spool_unmount(&sup->mount);
	stop_worker(sup);
	if (r < 0 && r != -EBUSY)
		r = spool_unmount(&sup->mount);
	if (r == -EBUSY && sup->janitor.pid > 0) {
		spool_log(sup->log, SPOOL_LOG_WARNING,
			  "%s: something is mounted on top; unmounts when that has gone",
			  sup->mount.path);
		spool_janitor_leave(&sup->janitor);
		return 0;
	}
	if (r < 0)
		spool_log(sup->log, SPOOL_LOG_ERROR, "%s: cannot unmount: %s", sup->mount.path,
			  strerror(-r));
	return r;
}

/* Serves until the end. Return: true when all was in order. */
static bool serve(struct supervisor *sup)
{
	enum event event = wait_for_event(sup);
	int r;

	spool_announce_end(&sup->mount, &sup->manager);
	spool_control_socket_remove(sup->mount.device, getpid());
	if (event == EVENT_WORKER && spool_child_ended_well(&sup->worker)) {
		/* somebody else has unmounted it; mounts that were detached lazily may be left */
		spool_unmount(&sup->mount);
		stop_worker(sup);
		return true;
	}
	if (event == EVENT_HANG) {
		spool_log(sup->log, SPOOL_LOG_ERROR,
			  "%s: the worker hangs: no progress for %d s while requests wait; ends",
			  sup->mount.path, SPOOL_WATCH_LIMIT_MS / 1000);
		kill(sup->worker.pid, SIGKILL);
	}
	r = end_mount(sup, event == EVENT_STOP || event == EVENT_DETACHED);
	if (event == EVENT_WORKER || !spool_child_ended_well(&sup->worker)) {
		if (sup->worker.reaped && event != EVENT_HANG)
			say_how_it_ended(sup);
		spool_mount_guard(&sup->mount, sup->log);
	}
	return r == 0 && spool_child_ended_well(&sup->worker);
}

static void watch_mounts(struct supervisor *sup)
{
	int r = spool_attached_new(sup->mount.device, &sup->attached);

	atomic_store(&sup->shared->said->detach, sup->options->detach);
	if (r < 0)
		spool_log(sup->log, SPOOL_LOG_WARNING,
			  "detach=: cannot watch the mount table: %s; served as long as it is used",
			  strerror(-r));
}

static int start(struct supervisor *sup)
{
	const struct spool_ctl_detached mounted = {0};
	int r = start_worker(sup);

	if (r == 0)
		r = start_janitor(sup);
	if (r < 0) {
		fprintf(stderr, "spoolfs: cannot start: %s\n", strerror(-r));
		return r;
	}
	if (!worker_says_ok(sup))
		return -EIO; /* the worker has said why */
	r = spool_mount_do(sup->options, &sup->mount);
	if (r < 0) {
		fprintf(stderr, "spoolfs: %s: cannot mount\n", sup->mount.path);
		return r;
	}
	sup->record = spool_record_open(sup->mount.device, &mounted, sup->mount.path);
	if (sup->record < 0)
		spool_log(sup->log, SPOOL_LOG_DEBUG, "no record: %s", strerror(-sup->record));
	spool_control_socket_publish(sup->control, sup->mount.device, sup->log);
	sup->control = spool_close(sup->control);
	watch_mounts(sup);
	r = spool_janitor_tell(&sup->janitor, &sup->mount);
	if (r == 0)
		r = spool_send_fd(sup->socket, sup->mount.fd, sup->mount.device);
	if (r == 0 && !worker_says_ok(sup))
		r = -EIO;
	return r;
}

int spool_supervise(const struct spool_options *options, struct spool_log *log,
		    void (*started)(void *arg), void *arg)
{
	struct supervisor sup = {.options = options,
				 .log = log,
				 .socket = -1,
				 .signals = -1,
				 .record = -1,
				 .control = -1,
				 .janitor = {.socket = -1}};
	int r, status = 1;

	spool_service_manager_find(&sup.manager);
	if (spool_mount_check(options, log, &sup.mount, stderr) < 0)
		return SPOOL_EXIT_USAGE;
	if (spool_watchdog_new(options->hurry, &sup.watchdog) < 0 ||
	    spool_shared_new(!(options->mask & SPOOL_FEATURE_NOSWAP), &sup.shared) < 0) {
		spool_watchdog_free(sup.watchdog);
		fprintf(stderr, "spoolfs: cannot start: %s\n", strerror(ENOMEM));
		spool_mount_fini(&sup.mount);
		return 1;
	}
	sup.worker.shared = sup.shared;
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, SPOOL_CTL_SUPERVISOR);
	r = start(&sup);
	if (r == 0) {
		spool_mount_read_ahead(options, &sup.mount, log);
		spool_mount_drop_privileges(options, log);
		spool_announce_ready(options, &sup.mount, &sup.manager);
		started(arg);
		status = serve(&sup) ? 0 : 1;
	} else {
		spool_control_socket_remove(sup.mount.device, getpid());
		spool_unmount(&sup.mount);
		if (sup.worker.pid > 0)
			stop_worker(&sup);
		if (sup.worker.reaped && WIFSIGNALED(sup.worker.status)) /* it could not say why */
			say_how_it_ended(&sup);
		if (r == -EINVAL || was_refused(&sup))
			status = SPOOL_EXIT_USAGE;
	}
	if (options->holder_fd >= 0 && sup.mount.device == 0)
		spool_mount_remove(&sup.mount, log);
	spool_janitor_dismiss(&sup.janitor);
	spool_watchdog_free(sup.watchdog);
	spool_shared_free(sup.shared);
	spool_attached_free(sup.attached);
	spool_close(sup.socket);
	spool_close(sup.signals);
	spool_close(sup.record);
	spool_close(sup.control);
	spool_mount_fini(&sup.mount);
	return status;
}
