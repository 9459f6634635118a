/* SPDX-License-Identifier: MIT */
#include "ops/control_tier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ops/control_call.h"
#include "ctl/proto.h"
#include "host/shared.h"
#include "life/sessions.h"
#include "background/pressure.h"
#include "ops/reply.h"
#include "wait/for_ram.h"

static uint32_t tier_flags(const struct spool_fs *fs, const struct spool_tier_stat *stat)
{
	return SPOOL_CTL_TIER_ON | (fs->options->encrypt ? SPOOL_CTL_TIER_ENCRYPT : 0) |
	       (fs->options->encrypt && stat->keys_locked ? SPOOL_CTL_TIER_LOCKED : 0) |
	       (stat->failing ? SPOOL_CTL_TIER_FAILING : 0) |
	       (spool_pressure_is_on(fs->pressure) ? SPOOL_CTL_TIER_PRESSURE : 0) |
	       (fs->backing.tmpfile ? SPOOL_CTL_TIER_TMPFILE : 0) |
	       (fs->backing.direct ? SPOOL_CTL_TIER_DIRECT : 0) |
	       (fs->backing.punch ? SPOOL_CTL_TIER_PUNCH : 0);
}

static void fill_tier(struct spool_fs *fs, bool admin, struct spool_ctl_tier *out)
{
	struct spool_tier_stat stat;

	*out = (struct spool_ctl_tier){.version = SPOOL_CTL_VERSION};
	snprintf(out->why, sizeof(out->why), "%s", fs->options->backing_why);
	out->threshold = SPOOL_CTL_NO_LIMIT;
	if (!spool_engine_tier_stat(fs->engine, &stat))
		return;
	out->flags = tier_flags(fs, &stat);
	out->threshold = stat.threshold;
	if (!admin)
		return;
	out->reserve = stat.reserve;
	out->budget = stat.budget;
	out->stored = stat.stored;
	out->written = stat.written;
	out->fetched = stat.fetched;
	out->n_failed = stat.n_failed;
	out->n_bad = stat.n_bad;
	out->files = stat.files;
	out->waiting = spool_for_ram_waiting(fs->for_ram);
	snprintf(out->backing, sizeof(out->backing), "%s", fs->options->backing);
	out->backing_free = stat.space_free;
	out->backing_total = stat.space_total;
	out->backing_age_ms = stat.space_age_ms;
	if (stat.space_age_ms > SPOOL_CTL_FRESH_MS)
		spool_engine_look(fs->engine); /* the next call sees what it finds */
}

void control_tier(struct control_call *call)
{
	struct spool_ctl_tier tier;
	int r = control_take_in(&tier, sizeof(tier), call);
	bool admin = r == 0 && control_may_administer(call);

	if (r == 0)
		fill_tier(call->fs, admin, &tier);
	control_answer(call, r, &tier, sizeof(tier));
}

/* Applies a change: the live options are the limits, and those of the tier, of sessions and of the
 * log. */
static void apply(struct spool_fs *fs, const struct spool_options *changed)
{
	fs->log->level = changed->log_level;
	spool_shared_set_detach(fs->shared, changed->detach);
	spool_engine_set_threshold(fs->engine, changed->threshold);
	spool_engine_set_reserve(fs->engine, changed->reserve);
	spool_engine_set_limits(fs->engine, &changed->config.limits);
	spool_engine_set_linger(fs->engine, changed->config.linger_ms);
	spool_sessions_set(fs->sessions, changed->session, changed->grace * UINT64_C(1000));
	if (changed->config.lifetime != fs->live.config.lifetime)
		spool_engine_set_default_lifetime(fs->engine, changed->config.lifetime);
}

static int set_pressure(struct spool_fs *fs, const struct spool_options *changed, FILE *errors)
{
	int r = spool_pressure_set(fs->pressure, changed->pressure != SPOOL_PRESSURE_OFF);

	if (r < 0 && changed->pressure == SPOOL_PRESSURE_ON)
		fputs("spoolfs: pressure=on: the kernel does not tell (allowed: off)\n", errors);
	return changed->pressure == SPOOL_PRESSURE_ON ? r : 0;
}

/* Return: 0; -errno and a line in @message. */
static int change(struct spool_fs *fs, const char *option, char *message, size_t size)
{
	struct spool_options changed;
	struct spool_tier_stat stat;
	FILE *errors = fmemopen(message, size, "w");
	int r;

	if (!errors)
		return -errno;
	spool_mutex_lock(&fs->set_lock, SPOOL_RANK_SET);
	if (spool_engine_tier_stat(fs->engine, &stat) && stat.space_total > 0)
		fs->live.backing_total = stat.space_total;
	r = spool_options_change(&fs->live, option, &changed, errors);
	if (r == 0)
		r = set_pressure(fs, &changed, errors);
	if (r == 0) {
		apply(fs, &changed);
		fs->live = changed;
	}
	spool_mutex_unlock(&fs->set_lock);
	fclose(errors);
	message[size - 1] = '\0';
	message[strcspn(message, "\n")] = '\0';
	return r;
}

void control_set(struct control_call *call)
{
	struct spool_ctl_set set;
	int r = control_take_in(&set, sizeof(set), call);

	if (r == 0 && !control_may_administer(call))
		r = -EPERM;
	if (r == 0 && !memchr(set.option, '\0', sizeof(set.option)))
		r = -EINVAL;
	if (r == 0) {
		memset(set.message, 0, sizeof(set.message));
		set.error = -change(call->fs, set.option, set.message, sizeof(set.message));
	}
	control_answer(call, r, &set, sizeof(set));
}

/* The file @name in @call's directory, when the caller may act on it. Owes a lookup. */
static int find_own(struct control_call *call, const char *name, uint64_t *ret_ino)
{
	struct spool_engine *engine = call->fs->engine;
	struct spool_attr attr;
	int r = spool_engine_lookup(engine, &call->cred, call->dir, name, &attr);

	if (r < 0)
		return r;
	if (attr.uid != call->cred.uid && !control_may_administer(call)) {
		spool_engine_forget(engine, attr.ino, 1);
		return -EPERM;
	}
	*ret_ino = attr.ino;
	return 0;
}

/* Whose file it is, and that there is a disk. Writeback does the rest. */
static int find_for_spill(struct control_call *call, const char *name, uint64_t *ret_ino)
{
	int r;

	if (!reply_can_tell(call->req))
		return -EINTR;
	r = find_own(call, name, ret_ino);
	if (r < 0)
		return r; /* whoever may not ask is told that, and nothing of the mount */
	spool_engine_forget(call->fs->engine, *ret_ino, 1);
	return call->fs->for_spill ? 0 : -EOPNOTSUPP;
}

void control_spill(struct control_call *call)
{
	struct spool_ctl_name name;
	int r = control_take_in(&name, sizeof(name), call);
	ssize_t result;
	uint64_t ino;

	if (r == 0 && (name.reserved || !memchr(name.name, '\0', sizeof(name.name))))
		r = -EINVAL;
	if (r == 0 && reply_told(call->req, &result) != SPOOL_TOLD_NOT) {
		reply_ioctl(call->req, (int)result, &name, sizeof(name));
		return;
	}
	if (r == 0)
		r = find_for_spill(call, name.name, &ino);
	if (r == 0)
		reply_spill_first(call->req, ino);
	else
		reply_ioctl(call->req, r, &name, sizeof(name));
}
