/* SPDX-License-Identifier: MIT */

/*
 * The control interface: ioctls on the mount's directories (ctl_proto.h). Every structure that
 * comes in is checked for its size and version before it is looked at.
 */

#include "control.h"
#include "ops_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "channel.h"
#include "ctl_proto.h"
#include "ring.h"
#include "util/macros.h"
#include "waiting.h"
#include "witness.h"

/* Read while the call is pending, so the caller is still there and is who the kernel says. */
bool control_is_admin(const struct spool_fs *fs, const struct spool_cred *cred)
{
	if (fs->owner != 0 && cred->uid == fs->owner)
		return true; /* a user's own mount */
	if (cred->pid <= 0 || cred->uid != 0)
		return false;
	return spool_witness_is_admin(fs->witness, cred->pid);
}

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

_Static_assert((int)SPOOL_CTL_WAITING_RAM == SPOOL_WAIT_ROOM &&
		       (int)SPOOL_CTL_WAITING_DISK == SPOOL_WAIT_DISK &&
		       (int)SPOOL_CTL_WAITING_KERNEL == SPOOL_WAIT_NOTIFY &&
		       (int)SPOOL_CTL_WAITING_SPILL == SPOOL_WAIT_ASKED &&
		       (int)SPOOL_CTL_WAITING_N == SPOOL_WAIT_N,
	       "the same reasons, in the same order");

static void fill_waiting(struct spool_fs *fs, struct spool_ctl_status *out)
{
	struct spool_waiting_stat stat;

	spool_waiting_stat(fs->waiting, &stat);
	for (unsigned int i = 0; i < SPOOL_WAIT_N; i++)
		out->waiting[i] = stat.n[i];
	out->waiting_data = stat.data;
	out->waiting_refused = stat.refused;
	if (fs->rings)
		out->ring_entries = spool_rings_entries(fs->rings, &out->ring_entries_waiting);
}

static void get_status(struct spool_fs *fs, const struct spool_cred *cred,
		       struct spool_ctl_status *out)
{
	struct spool_engine_stat stat;
	struct spool_usage usage;

	spool_engine_stat(fs->engine, &stat);
	*out = (struct spool_ctl_status){
		.version = SPOOL_CTL_VERSION,
		.caller_admin = control_is_admin(fs, cred),
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
	} else {
		spool_engine_user_usage(fs->engine, cred->uid, &usage);
		out->ram_held = 0; /* of all users: not for everybody */
		out->open_files = 0;
		out->requests = 0;
	}
	fill_usage(&usage, &out->usage);
	fill_features(fs, out->features, sizeof(out->features));
}

static void get_users(struct spool_fs *fs, const struct spool_cred *cred,
		      struct spool_ctl_users *list)
{
	bool admin = control_is_admin(fs, cred);
	uint64_t next = list->cursor;
	struct spool_usage usage;
	uid_t uid;

	list->count = 0;
	if (!admin) {
		if (next <= cred->uid) {
			spool_engine_user_usage(fs->engine, cred->uid, &usage);
			list->users[0] = (struct spool_ctl_user){.uid = cred->uid};
			fill_usage(&usage, &list->users[0].usage);
			list->count = 1;
		}
		list->cursor = SPOOL_CTL_END;
		return;
	}
	while (list->count < SPOOL_CTL_USERS &&
	       spool_engine_next_user(fs->engine, next, &uid, &usage)) {
		struct spool_ctl_user *user = &list->users[list->count++];

		*user = (struct spool_ctl_user){.uid = uid};
		fill_usage(&usage, &user->usage);
		next = (uint64_t)uid + 1;
	}
	list->cursor = list->count == SPOOL_CTL_USERS ? next : SPOOL_CTL_END;
}

static int get_requests(struct spool_fs *fs, const struct spool_cred *cred,
			struct spool_ctl_requests *out)
{
	if (!control_is_admin(fs, cred))
		return -EPERM;
	for (unsigned int i = 0; i < SPOOL_CTL_OPCODES; i++)
		out->counts[i] = atomic_load_explicit(&fs->by_opcode[i], memory_order_relaxed);
	return 0;
}

int control_take_in(void *to, size_t size, const struct control_call *call)
{
	if (call->in_size != size || call->out_size != size)
		return -EINVAL;
	memcpy(to, call->in, size);
	return 0;
}

static void do_status(struct control_call *call)
{
	struct spool_ctl_status status;
	int r = control_take_in(&status, sizeof(status), call);

	if (r == 0 && spool_channel_counts(call->fs))
		r = -EAGAIN;
	if (r == 0)
		get_status(call->fs, &call->cred, &status);
	reply_ioctl(call->req, r, &status, sizeof(status));
}

static void do_users(struct control_call *call)
{
	struct spool_ctl_users users;
	int r = control_take_in(&users, sizeof(users), call);

	if (r == 0 && spool_channel_counts(call->fs))
		r = -EAGAIN;
	if (r == 0)
		get_users(call->fs, &call->cred, &users);
	reply_ioctl(call->req, r, &users, sizeof(users));
}

static void do_requests(struct control_call *call)
{
	struct spool_ctl_requests requests;
	int r = control_take_in(&requests, sizeof(requests), call);

	if (r == 0)
		r = get_requests(call->fs, &call->cred, &requests);
	reply_ioctl(call->req, r, &requests, sizeof(requests));
}

static bool speaks_ours(const struct control_call *call)
{
	uint32_t version;

	if (call->in_size < sizeof(version))
		return false;
	memcpy(&version, call->in, sizeof(version));
	return version == SPOOL_CTL_VERSION;
}

void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in_buf, size_t in_size,
	      size_t out_size)
{
	static const struct {
		unsigned int cmd;
		void (*fn)(struct control_call *call);
	} calls[] = {
		{(unsigned int)SPOOL_IOC_STATUS, do_status},
		{(unsigned int)SPOOL_IOC_USERS, do_users},
		{(unsigned int)SPOOL_IOC_REQUESTS, do_requests},
		{(unsigned int)SPOOL_IOC_TIER, control_tier},
		{(unsigned int)SPOOL_IOC_SET, control_set},
		{(unsigned int)SPOOL_IOC_SPILL, control_spill},
	};
	struct control_call call = {
		.req = req,
		.fs = fs_of(req),
		.cred = reply_known_cred(req),
		.dir = ino,
		.in = in_buf,
		.in_size = in_size,
		.out_size = out_size,
	};
	const uint32_t version = SPOOL_CTL_VERSION;

	(void)arg;
	(void)fi;
	if (_IOC_TYPE(cmd) != SPOOL_CTL_MAGIC || !(flags & FUSE_IOCTL_DIR) ||
	    (flags & FUSE_IOCTL_COMPAT)) {
		reply_ioctl(req, -ENOTTY, NULL, 0);
		return;
	}
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(calls); i++) {
		if (calls[i].cmd == cmd && speaks_ours(&call)) {
			calls[i].fn(&call);
			return;
		}
	}
	/* a call, or a size, of another version; the number of the call holds its size */
	reply_ioctl_refusal(req, -EPROTO, &version,
			    out_size < sizeof(version) ? 0 : sizeof(version));
}
