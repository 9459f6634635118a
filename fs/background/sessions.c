/* SPDX-License-Identifier: MIT */
#include "background/sessions.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "ctl/record.h"
#include "host/procfs.h"
#include "host/thread.h"
#include "life/system_proc.h"
#include "util/macros.h"

#define LOGIN_DEFS "/etc/login.defs"
#define SYS_UID_MAX 999u /* "the default", login.defs(5) */

#define EVENTS 64
#define ENDED 64u

struct spool_life {
	struct spool_life_config config;
	struct spool_life_system *system;
	struct spool_sessions *sessions;
	int proc, numbers, cgroup, epoll, woken;
	bool hides;
	char source[64];
	pthread_t thread;
	bool has_thread;
	atomic_bool stop;
};

/* The line "SYS_UID_MAX 999"; what is no number is as if it were not there, as for useradd(8). */
static uid_t read_sys_uid_max(void)
{
	FILE *file = fopen(LOGIN_DEFS, "re");
	unsigned int found = SYS_UID_MAX, value;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " SYS_UID_MAX %u", &value) == 1)
			found = value;
	}
	if (file)
		fclose(file);
	return found;
}

static void on_wake(void *ctx)
{
	const struct spool_life *life = ctx;

	eventfd_write(life->woken, 1);
}

static int on_own(void *ctx, pid_t ret[SPOOL_SESSION_OWN_MAX])
{
	const struct spool_life *life = ctx;

	return life->config.own ? life->config.own(life->config.ctx, ret) : 0;
}

static bool on_is_daemon(void *ctx, pid_t pid)
{
	const struct spool_life *life = ctx;

	return life->config.is_daemon && life->config.is_daemon(life->config.ctx, pid);
}

static uid_t on_payer(void *ctx, uid_t uid)
{
	const struct spool_life *life = ctx;

	return life->config.payer ? life->config.payer(life->config.ctx, uid) : uid;
}

static int on_payers_known(void *ctx)
{
	const struct spool_life *life = ctx;

	return life->config.payers_known ? life->config.payers_known(life->config.ctx) : 0;
}

static void tell_ended(struct spool_life *life)
{
	uint64_t ids[ENDED];
	size_t n;

	while ((n = spool_sessions_take(life->sessions, ids, ENDED)) > 0) {
		for (size_t i = 0; i < n; i++)
			life->config.ended(life->config.ctx, ids[i]);
		life->system->rest(life->system->ctx);
	}
}

static void *life_main(void *arg)
{
	struct spool_life *life = arg;
	struct epoll_event events[EVENTS];
	eventfd_t count;

	/* a look reads a file of every process, and those who serve want the CPU as well */
	spool_thread_step_back();
	while (!atomic_load(&life->stop)) {
		int timeout = spool_sessions_run(life->sessions), n;

		tell_ended(life);
		n = epoll_wait(life->epoll, events, EVENTS, timeout);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 == SPOOL_SESSION_NONE)
				eventfd_read(life->woken, &count);
			else
				spool_sessions_event(life->sessions, events[i].data.u64);
		}
		life->system->rest(life->system->ctx);
	}
	return NULL;
}

static void open_proc(struct spool_life *life)
{
	enum spool_procfs kind;

	life->proc = spool_procfs_open(&kind);
	if (life->proc == -EXDEV)
		snprintf(life->source, sizeof(life->source),
			 "none: /proc shows another pid namespace");
	else if (life->proc < 0)
		snprintf(life->source, sizeof(life->source), "none: /proc: %s",
			 strerror(-life->proc));
	else
		snprintf(life->source, sizeof(life->source), "%s",
			 kind == SPOOL_PROCFS_OWN      ? "a procfs of its own"
			 : kind == SPOOL_PROCFS_COMMON ? "/proc"
						       : "/proc, which hides processes: no ends");
	life->hides = life->proc >= 0 && kind == SPOOL_PROCFS_HIDING;
	if (life->proc < 0)
		life->proc = -1; /* then no caller is known, and nothing ends */
	life->numbers = spool_procfs_numbers();
	if (life->proc >= 0 && !life->hides && life->numbers < 0)
		snprintf(life->source, sizeof(life->source), "/proc without loadavg: no ends");
	life->cgroup = spool_cgroup2_open();
}

static int make_table(struct spool_life *life)
{
	const struct spool_host *host = spool_host_system();
	const struct spool_session_config config = {
		.mode = life->config.mode,
		.grace_ms = life->config.grace_ms,
		.sys_uid_max = read_sys_uid_max(),
		.max_watches = life->config.max_watches,
		.max_callers = life->config.max_callers,
		.own = on_own,
		.is_daemon = on_is_daemon,
		.daemon_name = SPOOL_CTL_WORKER, /* with which all our names begin */
		.payer = on_payer,
		.payers_known = on_payers_known,
		.wake = on_wake,
		.ctx = life,
	};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = SPOOL_SESSION_NONE};
	int r;

	life->epoll = epoll_create1(EPOLL_CLOEXEC);
	life->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (life->epoll < 0 || life->woken < 0 ||
	    epoll_ctl(life->epoll, EPOLL_CTL_ADD, life->woken, &event) < 0)
		return -errno;
	r = spool_life_system_new(host, life->proc, life->hides, life->numbers, life->cgroup,
				  life->epoll, &life->system);
	return r < 0 ? r : spool_sessions_new(host, life->system, &config, &life->sessions);
}

int spool_life_new(const struct spool_life_config *config, struct spool_life **ret)
{
	struct spool_life *life = calloc(1, sizeof(*life));
	int r;

	if (!life)
		return -ENOMEM;
	life->config = *config;
	life->epoll = life->woken = -1;
	open_proc(life);
	r = make_table(life);
	if (r < 0) {
		spool_life_free(life);
		return r;
	}
	*ret = life;
	return 0;
}

int spool_life_start(struct spool_life *life)
{
	int r = spool_thread_start(&life->thread, "spoolfs-life", life_main, life);

	life->has_thread = r == 0;
	return r;
}

void spool_life_stop(struct spool_life *life)
{
	if (!life || !life->has_thread)
		return;
	atomic_store(&life->stop, true);
	on_wake(life);
	pthread_join(life->thread, NULL);
	life->has_thread = false;
}

void spool_life_free(struct spool_life *life)
{
	if (!life)
		return;
	spool_sessions_free(life->sessions);
	spool_life_system_free(spool_host_system(), life->system);
	spool_close(life->proc);
	spool_close(life->numbers);
	spool_close(life->cgroup);
	spool_close(life->epoll);
	spool_close(life->woken);
	free(life);
}

struct spool_sessions *spool_life_sessions(struct spool_life *life)
{
	return life->sessions;
}

int spool_life_proc(const struct spool_life *life)
{
	return life->proc;
}

int spool_life_cgroup(const struct spool_life *life)
{
	return life->cgroup;
}

const char *spool_life_source(const struct spool_life *life)
{
	return life->source;
}
