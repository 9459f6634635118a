/* SPDX-License-Identifier: MIT */
#include "process/set_up.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "background/ahead.h"
#include "background/pressure.h"
#include "background/reaper.h"
#include "background/sessions.h"
#include "background/writeback.h"
#include "fs.h"
#include "host/arena.h"
#include "host/shared.h"
#include "process/limits.h"
#include "security/sandbox.h"
#include "security/subuid.h"
#include "security/witness.h"
#include "spill/backing_dir.h"
#include "util/host.h"
#include "wait/for_ram.h"
#include "wait/for_release.h"
#include "wait/for_spill.h"

#define SUBUID_FILE "/etc/subuid"

#ifdef NDEBUG
#define IS_RELEASE true
#else
#define IS_RELEASE false
#endif

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

static void on_ahead(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_ahead_threads_wake(fs->ahead);
}

static void on_ram_free(void *ctx)
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

static void on_session_inodes(void *ctx, uint64_t id, int n)
{
	const struct spool_fs *fs = ctx;

	if (n > 0)
		spool_sessions_add(fs->sessions, id, (uint64_t)n);
	else
		spool_sessions_put(fs->sessions, id, (uint64_t)-n);
}

static void on_session_ended(void *ctx, uint64_t id)
{
	const struct spool_fs *fs = ctx;

	spool_engine_session_end(fs->engine, id);
}

/* Those that are waited for by one of us are ours as long as that one has not waited. */
static int own_processes(void *ctx, pid_t ret[SPOOL_SESSION_OWN_MAX])
{
	const struct spool_fs *fs = ctx;
	int janitor = fs->shared ? atomic_load(&fs->shared->said->janitor) : 0, n = 0;

	if (janitor == SPOOL_JANITOR_STARTS)
		return -EAGAIN;
	ret[n++] = getpid();
	if (getppid() == fs->supervisor)
		ret[n++] = fs->supervisor;
	if (spool_witness_pid(fs->witness) > 0)
		ret[n++] = spool_witness_pid(fs->witness);
	if (janitor > 0)
		ret[n++] = janitor;
	return n;
}

static bool is_daemon(void *ctx, pid_t pid)
{
	const struct spool_fs *fs = ctx;

	return spool_witness_is_daemon(fs->witness, pid);
}

static uid_t payer_of(void *ctx, uid_t uid)
{
	const struct spool_fs *fs = ctx;

	return spool_subuids_owner(fs->subuids, uid);
}

static int payers_known(void *ctx)
{
	const struct spool_fs *fs = ctx;

	return spool_subuids_check(fs->subuids);
}

static void on_reap(void *ctx)
{
	const struct spool_fs *fs = ctx;

	spool_reaper_kick(fs->reaper);
}

static int open_arena(struct spool_fs *fs, struct spool_arena *arena, char why[SPOOL_LOG_LINE_MAX])
{
	const struct spool_options *options = fs->options;
	uint64_t ram = options->config.limits.mount[SPOOL_RES_RAM];
	char text[128] = "";
	int r = spool_arena_init(arena, &fs->shared->arena, options->mlock, ram, text);

	if (r < 0) {
		snprintf(why, SPOOL_LOG_LINE_MAX, "mlock=on: %s", *text ? text : strerror(-r));
		return r;
	}
	r = spool_check_address_space(ram, why);
	return r < 0 ? r : spool_check_file_size(ram, why);
}

static int open_backing(struct spool_fs *fs, struct spool_backing **ret,
			char why[SPOOL_LOG_LINE_MAX])
{
	const struct spool_options *options = fs->options;
	int fd = fcntl(options->backing_fd, F_DUPFD_CLOEXEC, 3), r;

	if (fd < 0)
		return -errno;
	r = spool_backing_dir_new(spool_host_system(), fd,
				  options->mask & SPOOL_FEATURE_BACKING_TMPFILE,
				  options->mask & SPOOL_FEATURE_BACKING_DIRECT, ret, &fs->backing);
	if (r < 0)
		snprintf(why, SPOOL_LOG_LINE_MAX,
			 "backing=%s: %s (allowed: a directory that takes files, or none)",
			 options->backing, strerror(-r));
	return r;
}

static int make_life(struct spool_fs *fs, const struct spool_descriptors *descriptors)
{
	const struct spool_life_config config = {
		.mode = fs->options->session,
		.grace_ms = fs->options->grace * UINT64_C(1000),
		.max_watches = descriptors->watches,
		.max_callers = descriptors->callers,
		.own = own_processes,
		.is_daemon = is_daemon,
		.payer = payer_of,
		.payers_known = payers_known,
		.ended = on_session_ended,
		.ctx = fs,
	};

	int r = spool_life_new(&config, &fs->life);

	if (r == 0)
		fs->sessions = spool_life_sessions(fs->life);
	return r;
}

static int make_engine(struct spool_fs *fs, struct spool_arena *arena, unsigned int max_files,
		       char why[SPOOL_LOG_LINE_MAX])
{
	const struct spool_options *options = fs->options;
	struct spool_config config = options->config;
	struct spool_tier_config tier = {
		.encrypt = options->encrypt,
		.threshold = options->threshold,
		.reserve = options->reserve,
		.max_files = max_files,
		.wake = on_wake,
		.hurry = on_hurry,
		.ram_free = on_ram_free,
		.spilled = on_spilled,
		.ahead = on_ahead,
		.ctx = fs,
	};
	int r = open_arena(fs, arena, why);

	if (r < 0)
		return r;
	config.payer = spool_subuids_owner;
	config.payer_ctx = fs->subuids;
	config.returned = on_returned;
	config.returned_ctx = fs;
	config.session_inodes = on_session_inodes;
	config.reap = on_reap;
	config.life_ctx = fs;
	if (options->backing_fd >= 0) {
		r = open_backing(fs, &tier.backing, why);
		if (r < 0)
			return r;
		config.tier = &tier;
	}
	return spool_engine_new(&config, &arena->host, fs->log, &fs->engine);
}

static int prepare_pressure(struct spool_fs *fs, char why[SPOOL_LOG_LINE_MAX])
{
	int r = spool_pressure_new(fs->engine, fs->log, fs->options->pressure, &fs->pressure);

	if (r < 0)
		snprintf(why, SPOOL_LOG_LINE_MAX,
			 "pressure=on: /proc/pressure/memory: %s (allowed: off)", strerror(-r));
	return r;
}

/*
 * Nobody needs 100,000 files to be freed one by one when the process ends: the kernel takes its
 * memory at once. It is done all the same, so that what was not freed and accounts that do not come
 * out at zero are found, in builds that check, and where a test asks for it. A thread that hangs in
 * the kernel needs it when it comes back.
 */
static bool free_engine(struct spool_engine *engine, bool ended)
{
	if (!ended || (IS_RELEASE && !getenv("SPOOL_TEST_TEARDOWN"))) {
		spool_engine_abandon(engine);
		return true;
	}
	return spool_engine_free(engine);
}

int spool_set_up(struct spool_fs *fs, struct spool_arena *arena, char why[SPOOL_LOG_LINE_MAX])
{
	const struct spool_options *options = fs->options;
	struct spool_sandbox_needs needs = {
		.backing_fd = options->backing_fd,
		.locks = options->mlock || (options->backing_fd >= 0 && options->encrypt),
	};
	struct spool_descriptors descriptors;
	int r;

	assert(!fs->engine && !*why);
	spool_share_descriptors(options->backing_fd >= 0, &descriptors);
	r = spool_witness_start(SUBUID_FILE, options->alive_fd, fs->shared->dies,
				SPOOL_WITNESS_ANSWER_MS, &fs->witness);
	close(fs->shared->dies); /* of this process; it is for those who outlive it */
	if (r == 0)
		r = spool_subuids_new(SUBUID_FILE, spool_witness_subuids, fs->witness, fs->log,
				      &fs->subuids);
	if (r == 0)
		r = spool_set_nice(options->nice, why);
	fs->nice = getpriority(PRIO_PROCESS, 0);
	if (r == 0)
		r = make_life(fs, &descriptors);
	if (r == 0)
		r = make_engine(fs, arena, descriptors.backing, why);
	if (r == 0)
		r = prepare_pressure(fs, why);
	if (r < 0)
		return r;
	needs.proc_fd = spool_life_proc(fs->life);
	needs.cgroup_fd = spool_life_cgroup(fs->life);
	return spool_sandbox_enter(&needs, &fs->sandbox);
}

bool spool_tear_down(struct spool_fs *fs, bool ended)
{
	bool ok = free_engine(fs->engine, ended);

	spool_life_free(fs->life);
	spool_witness_stop(fs->witness);
	spool_subuids_free(fs->subuids);
	spool_witness_free(fs->witness);
	return ok;
}
