/* SPDX-License-Identifier: MIT */
#include "process/worker.h"

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
#include <unistd.h>

#include "host/arena.h"
#include "process/handover.h"
#include "wait/for_spill.h"
#include "transport/channel.h"
#include "ctl/record.h"
#include "transport/devfuse.h"
#include "ops/dirs.h"
#include "wait/for_disk.h"
#include "fs.h"
#include "transport/handshake.h"
#include "wait/notify.h"
#include "wait/for_release.h"
#include "transport/ring.h"
#include "background/pressure.h"
#include "wait/for_ram.h"
#include "security/sandbox.h"
#include "spill/backing_dir.h"
#include "background/writeback.h"
#include "security/subuid.h"
#include "host/thread.h"
#include "background/reclaim.h"
#include "transport/waiting.h"
#include "util/descriptors.h"
#include "util/host.h"
#include "util/macros.h"
#include "security/witness.h"

/* Our own descriptors are fewer than 20 and two for each CPU; files of the backing: what 65,535
 * segments could use is far more than is of use. Guesses. */
#define FILES_OWN 128u
#define FILES_MIN 8u
#define FILES_MAX 4096u

/* Address space besides file data: programs, stacks, buffers of requests. Measured 0.7 GiB with two
 * rings; a guess with some room. */
#define ADDRESSES_OWN ((uint64_t)1 << 30)

/* With 2 to 8 busy loops on 2 CPUs a create takes 0.4 to 2.1 ms at 0, and 0.1 ms at -10. */
#define NICE_DEFAULT (-10)

#define SUBUID_FILE "/etc/subuid"

#ifdef NDEBUG
#define IS_RELEASE true
#else
#define IS_RELEASE false
#endif

struct worker {
	struct spool_fs fs;
	struct spool_arena arena;
	int done;                     /* eventfd: a thread has ended */
	char why[SPOOL_LOG_LINE_MAX]; /* not "": an option cannot be had, the line that says so */
};

/* For a thread that waits in the kernel for requests of others, which are answered. A guess. */
#define NOTIFY_WAIT_MS 1000u

/* Those who may wait for a request to be served end first, while there is somebody to serve it.
 * Return: false when threads are left that only the end of the connection frees: what they use must
 * stay. */
static bool stop_serving(struct worker *worker)
{
	bool ended;

	atomic_store(&worker->fs.stopping, true);
	spool_pressure_stop(worker->fs.pressure);
	spool_notify_stop(worker->fs.notify);
	spool_for_spill_stop(worker->fs.for_spill);
	spool_reclaim_stop(worker->fs.reclaim);
	spool_for_release_stop(worker->fs.for_release);
	spool_for_ram_stop(worker->fs.for_ram);
	spool_for_disk_stop(worker->fs.for_disk);
	ended = spool_notify_end(worker->fs.notify, NOTIFY_WAIT_MS);
	if (worker->fs.session)
		fuse_session_exit(worker->fs.session);
	spool_devfuse_stop(worker->fs.devfuse);
	worker->fs.devfuse = NULL;
	spool_rings_stop(worker->fs.rings);
	worker->fs.rings = NULL;
	spool_pressure_free(worker->fs.pressure);
	worker->fs.pressure = NULL;
	spool_reclaim_free(worker->fs.reclaim);
	worker->fs.reclaim = NULL;
	spool_writeback_free(worker->fs.writeback);
	worker->fs.writeback = NULL;
	spool_for_spill_free(worker->fs.for_spill);
	worker->fs.for_spill = NULL;
	spool_for_disk_free(worker->fs.for_disk);
	worker->fs.for_disk = NULL;
	spool_for_ram_free(worker->fs.for_ram);
	worker->fs.for_ram = NULL;
	spool_dirs_free(worker->fs.dirs);
	worker->fs.dirs = NULL;
	spool_for_release_free(worker->fs.for_release);
	worker->fs.for_release = NULL;
	if (!ended) {
		spool_log(worker->fs.log, SPOOL_LOG_WARNING,
			  "a thread waits in the kernel for the end of the connection");
		return false;
	}
	spool_notify_free(worker->fs.notify);
	spool_waiting_free(worker->fs.waiting);
	worker->fs.waiting = NULL;
	return true;
}

/* Threads that may wait, started when they are needed; and what only a mount with a disk needs. */
static int start_tier(struct spool_fs *fs)
{
	int r;

	r = spool_channel_new_disk(fs);
	if (r < 0 || fs->options->backing_fd < 0)
		return r;
	r = spool_for_ram_new(fs, &fs->for_ram);
	if (r == 0)
		r = spool_for_spill_new(fs, &fs->for_spill);
	if (r == 0)
		r = spool_writeback_new(fs, &fs->writeback);
	return r;
}

/* The kernel sends FUSE_INIT with the mount. Return: 0; -errno: the transport that was asked for
 * cannot be had. */
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
	/* what was set before it was written may be looked at now */
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

/* Until the mount is gone (a thread ends), or the supervisor says so, or is gone (the socket ends).
 * getppid() cannot tell that last: files are closed some time before the parent changes. */
static void wait_for_end(struct worker *worker, int socket)
{
	struct pollfd fds[] = {
		{.fd = worker->done, .events = POLLIN},
		{.fd = socket, .events = POLLIN},
	};

	while (poll(fds, SPOOL_ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
}

/* Limits for the programs of who starts us are none for us: file data are not our own. */
static void raise_limit(__rlimit_resource_t resource)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit limit;

	if (setrlimit(resource, &none) == 0 || getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static void harden(void)
{
	const struct rlimit no_core = {0, 0};

	/* Data of files must not get into a core dump; the arena itself is also left out of them.
	 * Sanitizers look at their own process through ptrace, which this would forbid. */
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	setrlimit(RLIMIT_CORE, &no_core);
	spool_thread_allow_interrupts();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* of the backing's files: they get EFBIG */
	signal(SIGINT, SIG_IGN);  /* the terminal's ^C is the supervisor's */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	unsetenv("TMPDIR");
	raise_limit(RLIMIT_FSIZE);
	raise_limit(RLIMIT_AS);
	raise_limit(RLIMIT_MEMLOCK);
	/* What the kernel does to find memory for us must not wait for requests to us. For root. */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

/* Everybody waits for us, so on a busy machine we do not queue up behind those who do. Who has
 * started us at another value than 0 has decided. Before there are threads, which take it over. */
static int set_nice(struct worker *worker)
{
	int wanted = worker->fs.options->nice;
	struct rlimit limit;

	if (wanted == SPOOL_NICE_DEFAULT) {
		if (getpriority(PRIO_PROCESS, 0) != 0)
			return 0;
		wanted = NICE_DEFAULT;
		if (geteuid() != 0 && getrlimit(RLIMIT_NICE, &limit) == 0 &&
		    limit.rlim_cur < (rlim_t)(20 - NICE_DEFAULT)) /* getrlimit(2): 20 - value */
			wanted = limit.rlim_cur > 20 ? 20 - (int)limit.rlim_cur : 0;
		setpriority(PRIO_PROCESS, 0, wanted); /* root of a container may not */
		return 0;
	}
	if (setpriority(PRIO_PROCESS, 0, wanted) == 0)
		return 0;
	snprintf(worker->why, sizeof(worker->why),
		 "nice=%d: %s (allowed: what RLIMIT_NICE lets, or 0 and more)", wanted,
		 strerror(errno));
	return -EPERM;
}

static int prepare_pressure(struct worker *worker)
{
	bool asked_for = worker->fs.options->pressure == SPOOL_PRESSURE_ON;
	int r = spool_pressure_new(&worker->fs, asked_for, &worker->fs.pressure);

	if (r < 0)
		snprintf(worker->why, sizeof(worker->why),
			 "pressure=on: /proc/pressure/memory: %s (allowed: off)", strerror(-r));
	return r;
}

static int start_helpers(struct worker *worker)
{
	int r = spool_dirs_new(&worker->fs.dirs);

	if (r == 0)
		r = spool_waiting_new(&worker->fs, &worker->fs.waiting);
	if (r == 0)
		r = spool_channel_new_notify(&worker->fs);
	if (r == 0)
		r = spool_for_release_new(&worker->fs, &worker->fs.for_release);
	if (r == 0)
		r = spool_reclaim_new(&worker->fs, &worker->fs.reclaim);
	if (r == 0)
		r = start_tier(&worker->fs);
	if (r == 0)
		r = spool_pressure_start(worker->fs.pressure);
	return r;
}

static int run_session(struct worker *worker, int socket)
{
	static char name[] = "spoolfs", debug[] = "-d";
	char *argv[] = {name, worker->fs.options->debug ? debug : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(worker->fs.options->debug ? 2 : 1, argv);
	const char ok = WORKER_OK;
	dev_t device;
	int fd, r = -ENOMEM;

	worker->fs.session =
		fuse_session_new(&args, spool_ops(), sizeof(struct fuse_lowlevel_ops), &worker->fs);
	fuse_opt_free_args(&args);
	if (!worker->fs.session)
		return r;
	/* what can fail without a mount fails before there is one */
	r = start_helpers(worker);
	if (r == 0 && write(socket, &ok, 1) != 1)
		r = -errno;
	if (r < 0)
		goto out;
	fd = spool_receive_fd(socket, &device);
	if (fd < 0) {
		r = fd == -EPIPE ? 0 : fd; /* nothing was mounted: the supervisor has said why */
		goto out;
	}
	r = spool_channel_attach(worker->fs.session, fd);
	if (r == 0)
		r = spool_devfuse_start(&worker->fs, fd, worker->done, &worker->fs.devfuse);
	if (r == 0)
		r = wait_for_init(worker);
	spool_sandbox_seal(&worker->fs.sandbox);
	if (r == 0 && !worker->fs.options->foreground)
		spool_stdio_to_null(STDERR_FILENO);
	if (r == 0 && write(socket, &ok, 1) == 1)
		wait_for_end(worker, socket);
out:
	if (stop_serving(worker))
		fuse_session_destroy(worker->fs.session);
	return r;
}

static void on_wake(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_writeback_wake(fs->writeback);
}

static void on_hurry(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_writeback_hurry(fs->writeback);
}

static void on_room(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_for_ram_kick(fs->for_ram);
}

static void on_spilled(void *ctx, uint64_t id, int result)
{
	const struct spool_fs *fs = ctx;

	spool_for_spill_done(fs->for_spill, id, result);
}

static void on_returned(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_for_release_kick(fs->for_release);
}

/* Descriptors for the backing: what the limit allows, but for our own few. */
static unsigned int backing_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FILES_MIN;
	limit.rlim_cur = limit.rlim_max; /* nobody else's: no program is run from here */
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= FILES_OWN + FILES_MIN)
		return FILES_MIN;
	return limit.rlim_cur - FILES_OWN < FILES_MAX ? (unsigned int)limit.rlim_cur - FILES_OWN
						      : FILES_MAX;
}

/* What is stored is mapped. Who may not map so much gets no error later, from a write. */
static int check_address_space(struct worker *worker)
{
	uint64_t ram = worker->fs.options->config.limits.mount[SPOOL_RES_RAM];
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	    (limit.rlim_cur > ADDRESSES_OWN && (limit.rlim_cur - ADDRESSES_OWN) / 2 >= ram))
		return 0;
	snprintf(worker->why, sizeof(worker->why),
		 "ram=%llu: RLIMIT_AS is %llu bytes (allowed: at least 1 GiB and twice ram=)",
		 (unsigned long long)ram, (unsigned long long)limit.rlim_cur);
	return -ENOMEM;
}

static int make_engine(struct worker *worker)
{
	const struct spool_options *options = worker->fs.options;
	struct spool_config config = options->config;
	struct spool_tier_config tier = {
		.encrypt = options->encrypt,
		.threshold = options->threshold,
		.reserve = options->reserve,
		.max_files = backing_files(),
		.wake = on_wake,
		.hurry = on_hurry,
		.room = on_room,
		.spilled = on_spilled,
		.ctx = &worker->fs,
	};
	char why[128] = "";
	int fd, r;

	config.payer = spool_subuids_owner;
	config.payer_ctx = worker->fs.subuids;
	config.returned = on_returned;
	config.returned_ctx = &worker->fs;
	r = spool_arena_init(&worker->arena, options->mlock,
			     !(options->mask & SPOOL_FEATURE_NOSWAP),
			     config.limits.mount[SPOOL_RES_RAM], why);
	if (r < 0) {
		snprintf(worker->why, sizeof(worker->why), "mlock=on: %s",
			 *why ? why : strerror(-r));
		return r;
	}
	r = check_address_space(worker);
	if (r < 0)
		return r;
	if (options->backing_fd < 0)
		return spool_engine_new(&config, &worker->arena.host, worker->fs.log,
					&worker->fs.engine);
	fd = fcntl(options->backing_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	r = spool_backing_dir_new(
		spool_host_system(), fd, options->mask & SPOOL_FEATURE_BACKING_TMPFILE,
		options->mask & SPOOL_FEATURE_BACKING_DIRECT, &tier.backing, &worker->fs.backing);
	if (r < 0) {
		snprintf(worker->why, sizeof(worker->why),
			 "backing=%s: %s (allowed: a directory that takes files, or none)",
			 options->backing, strerror(-r));
		return r;
	}
	config.tier = &tier;
	return spool_engine_new(&config, &worker->arena.host, worker->fs.log, &worker->fs.engine);
}

/* All that needs a privilege or somebody else's file, then without either. */
static int prepare(struct worker *worker)
{
	const struct spool_options *options = worker->fs.options;
	bool locks = options->mlock || (options->backing_fd >= 0 && options->encrypt);
	int r = set_nice(worker);

	worker->fs.nice = getpriority(PRIO_PROCESS, 0);
	if (r == 0)
		r = make_engine(worker);
	if (r == 0)
		r = prepare_pressure(worker);
	if (r == 0)
		r = spool_sandbox_enter(options->backing_fd, locks, &worker->fs.sandbox);
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

/*
 * Nobody needs 100,000 files to be freed one by one when the process ends: the kernel takes its
 * memory at once. It is done all the same, so that what was not freed and accounts that do not come
 * out at zero are found, in builds that check, and where a test asks for it.
 */
static bool free_engine(struct spool_engine *engine)
{
	if (IS_RELEASE && !getenv("SPOOL_TEST_TEARDOWN")) {
		spool_engine_abandon(engine);
		return true;
	}
	return spool_engine_free(engine);
}

int spool_worker_main(const struct spool_options *options, struct spool_log *log, int socket,
		      pid_t supervisor, struct spool_pulses *pulses)
{
	struct worker worker = {
		.fs = {.options = options,
		       .log = log,
		       .supervisor = supervisor,
		       .pulses = pulses,
		       .owner = geteuid()},
	};
	int r, status = 0;

	prctl(PR_SET_NAME, SPOOL_CTL_WORKER);
	worker.fs.live = *options;
	worker.fs.arena = &worker.arena;
	spool_mutex_init(&worker.fs.set_lock);
	harden();
	clock_gettime(CLOCK_BOOTTIME, &worker.fs.started);
	if (*options->backing_why)
		spool_log(log, SPOOL_LOG_WARNING, "backing=/var/tmp, the default, %s: RAM only",
			  options->backing_why);
	r = spool_witness_start(SUBUID_FILE, options->alive_fd, &worker.fs.witness);
	if (r == 0)
		r = spool_subuids_new(SUBUID_FILE, spool_witness_subuids, worker.fs.witness,
				      &worker.fs.subuids);
	if (r == 0)
		r = prepare(&worker);
	if (r < 0)
		return failed(&worker, "set up the filesystem", r);
	worker.fs.max_write = spool_handshake_max_write();
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
	if (!free_engine(worker.fs.engine) && status == 0)
		status = 1;
	spool_subuids_free(worker.fs.subuids);
	spool_witness_free(worker.fs.witness);
	spool_close(worker.done);
	spool_close(worker.fs.inited);
	return status;
}
