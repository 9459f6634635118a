/* SPDX-License-Identifier: MIT */
#include "ops/control_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/arena.h"
#include "host/clock.h"
#include "ops/control_call.h"
#include "ctl/proto.h"
#include "ops/reply.h"
#include "transport/ring.h"
#include "transport/tally.h"
#include "transport/waiting.h"

static void fill_usage(const struct spool_usage *usage, struct spool_ctl_usage *ret)
{
	*ret = (struct spool_ctl_usage){
		.size_used = usage->used[SPOOL_RES_SIZE],
		.size_limit = usage->limit[SPOOL_RES_SIZE],
		.ram_used = usage->used[SPOOL_RES_RAM],
		.ram_limit = usage->limit[SPOOL_RES_RAM],
		.inodes_used = usage->used[SPOOL_RES_INODES],
		.inodes_limit = usage->limit[SPOOL_RES_INODES],
		.size_refused = usage->refused[SPOOL_RES_SIZE],
		.ram_refused = usage->refused[SPOOL_RES_RAM],
		.inodes_refused = usage->refused[SPOOL_RES_INODES],
	};
}

static void fill_features(const struct spool_fs *fs, char *buf, size_t size)
{
	size_t used = 0;

	for (unsigned int i = 0; i < SPOOL_FEATURES_N; i++) {
		int n = snprintf(buf + used, size - used, "%s%s%s", used ? " " : "",
				 fs->missing >> i & 1 ? "-" : "", spool_feature_name(i));

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static uint64_t uptime_ms(const struct spool_fs *fs)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)((now.tv_sec - fs->started.tv_sec) * 1000 +
			  (now.tv_nsec - fs->started.tv_nsec) / 1000000);
}

static struct spool_ctl_oldest oldest(const struct spool_waiting_stat *stat, unsigned int i)
{
	const struct spool_waiting_oldest *from = &stat->oldest[i];
	uint64_t now = spool_clock_ms();

	if (stat->n[i] == 0)
		return (struct spool_ctl_oldest){0};
	return (struct spool_ctl_oldest){.age_ms = now > from->since_ms ? now - from->since_ms : 0,
					 .uid = from->uid,
					 .opcode = from->opcode};
}

_Static_assert(sizeof(((struct spool_ctl_status *)0)->users_refused) ==
		       sizeof(((struct spool_usage *)0)->users_refused),
	       "all resources");

static void fill_waiting(struct spool_fs *fs, struct spool_ctl_status *out)
{
	struct spool_waiting_stat stat;

	spool_waiting_stat(fs->waiting, &stat);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		out->waiting[i] = stat.n[i];
		out->oldest[i] = oldest(&stat, i);
	}
	out->waiting_data = stat.data;
	out->waiting_refused = stat.refused;
	if (fs->rings)
		out->ring_entries = spool_rings_entries(fs->rings, &out->ring_entries_waiting);
}

static void get_status(const struct control_call *call, struct spool_ctl_status *out)
{
	struct spool_fs *fs = call->fs;
	struct spool_engine_stat stat;
	struct spool_usage usage;

	spool_engine_stat(fs->engine, &stat);
	*out = (struct spool_ctl_status){
		.version = SPOOL_CTL_VERSION,
		.caller_admin = control_may_administer(call),
		.layout = fs->options->config.layout,
		.modes = fs->options->config.modes,
		.protect = SPOOL_CTL_PROTECT_NODUMP |
			   (fs->arena->noswap ? SPOOL_CTL_PROTECT_NOSWAP : 0),
		.threads = fs->n_threads,
		.supervisor_pid = fs->supervisor,
		.worker_pid = getpid(),
		.nice = fs->nice,
		.uptime_ms = uptime_ms(fs),
		.ram_held = stat.ram_held,
		.open_files = stat.open_files,
		.requests = fs->requests,
		.retries = fs->retries,
		.daemon_version = SPOOL_VERSION,
	};
	snprintf(out->transport, sizeof(out->transport), "%s", fs->rings ? "uring" : "dev");
	snprintf(out->transport_why, sizeof(out->transport_why), "%s", fs->transport_why);
	snprintf(out->capabilities, sizeof(out->capabilities), "%s", fs->sandbox.capabilities);
	snprintf(out->landlock, sizeof(out->landlock), "%s", fs->sandbox.landlock);
	snprintf(out->seccomp, sizeof(out->seccomp), "%s", fs->sandbox.seccomp);
	usage = stat.usage;
	if (out->caller_admin) {
		fill_waiting(fs, out);
		memcpy(out->users_refused, usage.users_refused, sizeof(out->users_refused));
	} else {
		spool_engine_user_usage(fs->engine, call->cred.uid, &usage);
		out->ram_held = 0; /* it sums up all users: only for administrators */
		out->open_files = 0;
		out->requests = 0;
		out->retries = 0;
	}
	fill_usage(&usage, &out->usage);
	fill_features(fs, out->features, sizeof(out->features));
}

static void fill_user(struct spool_fs *fs, uid_t uid, const struct spool_usage *usage,
		      struct spool_ctl_user *ret)
{
	*ret = (struct spool_ctl_user){
		.uid = uid, .waiting = spool_waiting_of(fs->waiting, uid), .disk = usage->disk};
	if (!spool_tally_get(fs->by_payer, uid, &ret->requests))
		ret->requests = SPOOL_CTL_NO_LIMIT;
	fill_usage(usage, &ret->usage);
}

static void get_users(const struct control_call *call, struct spool_ctl_users *list)
{
	bool admin = control_may_administer(call);
	struct spool_fs *fs = call->fs;
	uint64_t next = list->cursor;
	struct spool_usage usage;
	uid_t uid;

	list->count = 0;
	if (!admin) {
		if (next <= call->cred.uid) {
			spool_engine_user_usage(fs->engine, call->cred.uid, &usage);
			fill_user(fs, call->cred.uid, &usage, &list->users[0]);
			list->count = 1;
		}
		list->cursor = SPOOL_CTL_END;
		return;
	}
	while (list->count < SPOOL_CTL_USERS &&
	       spool_engine_next_user(fs->engine, next, &uid, &usage)) {
		fill_user(fs, uid, &usage, &list->users[list->count++]);
		next = (uint64_t)uid + 1;
	}
	list->cursor = list->count == SPOOL_CTL_USERS ? next : SPOOL_CTL_END;
}

static int get_requests(const struct control_call *call, struct spool_ctl_requests *out)
{
	if (!control_may_administer(call))
		return -EPERM;
	for (unsigned int i = 0; i < SPOOL_CTL_OPCODES; i++)
		out->counts[i] =
			atomic_load_explicit(&call->fs->by_opcode[i], memory_order_relaxed);
	return 0;
}

void control_status(struct control_call *call)
{
	struct spool_ctl_status status;
	int r = control_take_in(&status, sizeof(status), call);

	if (r == 0 && status.reserved)
		r = -EINVAL;
	if (r == 0 && control_waits(call))
		r = SPOOL_COUNT_FIRST;
	if (r == 0)
		get_status(call, &status);
	control_answer(call, r, &status, sizeof(status));
}

void control_users(struct control_call *call)
{
	struct spool_ctl_users users;
	int r = control_take_in(&users, sizeof(users), call);

	if (r == 0 && control_waits(call))
		r = SPOOL_COUNT_FIRST;
	if (r == 0)
		get_users(call, &users);
	control_answer(call, r, &users, sizeof(users));
}

void control_requests(struct control_call *call)
{
	struct spool_ctl_requests requests;
	int r = control_take_in(&requests, sizeof(requests), call);

	if (r == 0 && requests.reserved)
		r = -EINVAL;
	if (r == 0)
		r = get_requests(call, &requests);
	control_answer(call, r, &requests, sizeof(requests));
}
