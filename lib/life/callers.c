/* SPDX-License-Identifier: MIT */
#include "life/callers.h"

#include <errno.h>

#include "util/lock.h"
#include "util/macros.h"

/* Threads that ask at the same time rarely meet: a guess. */
#define SHARDS 16u

/* "stat" has 52 fields, most of them short (proc_pid_stat(5)). */
#define STAT_TEXT 1024u

struct caller_slot {
	pid_t tid; /* 0: free */
	int audit; /* its "sessionid", or what is there in its place */
	uid_t uid; /* as whom it makes files that are its own; (uid_t)-1: not known */
};

struct caller_shard {
	struct spool_mutex lock;
	struct caller_slot *slots;
};

struct spool_callers {
	const struct spool_host *host;
	const struct spool_life_system *system;
	uid_t (*payer)(void *ctx, uid_t uid);
	void *ctx;
	unsigned int per_shard;
	struct caller_shard shards[SHARDS];
};

static void let_go(struct spool_callers *callers, struct caller_slot *slot)
{
	if (slot->tid)
		callers->system->close(callers->system->ctx, slot->audit);
	slot->tid = 0;
}

static int read_audit(const struct spool_callers *callers, const struct caller_slot *slot,
		      uint32_t *ret)
{
	const struct spool_life_system *system = callers->system;
	char text[STAT_TEXT];
	ssize_t n = system->read_file(system->ctx, slot->audit, text, sizeof(text));

	if (n >= 0 && system->no_audit) {
		*ret = SPOOL_AUDIT_UNSET;
		return 0;
	}
	return n < 0 ? (int)n : spool_process_parse_audit(text, ret);
}

static int open_audit(const struct spool_callers *callers, pid_t tid)
{
	const struct spool_life_system *system = callers->system;

	return system->open_file(system->ctx, -1, tid,
				 system->no_audit ? SPOOL_PROCESS_STAT : SPOOL_PROCESS_SESSIONID);
}

/* Who had the number before has gone when the file cannot be read any more. Where there is no
 * descriptor left those of others are given up: it is better to open them again. */
static int look_audit(struct spool_callers *callers, struct caller_shard *shard,
		      struct caller_slot *slot, pid_t tid, uint32_t *ret)
{
	int file;

	if (slot->tid == tid && read_audit(callers, slot, ret) == 0)
		return 0;
	let_go(callers, slot);
	file = open_audit(callers, tid);
	if (file == -EMFILE) {
		for (unsigned int i = 0; i < callers->per_shard; i++)
			let_go(callers, &shard->slots[i]);
		file = open_audit(callers, tid);
	}
	if (file < 0)
		return file;
	*slot = (struct caller_slot){.tid = tid, .audit = file, .uid = (uid_t)-1};
	return read_audit(callers, slot, ret);
}

/* Of a container's root who acts for others there they are uids of his own. */
static bool has_one_payer(const struct spool_callers *callers, uid_t a, uid_t b)
{
	return a == b || (callers->payer &&
			  callers->payer(callers->ctx, a) == callers->payer(callers->ctx, b));
}

/* Servers set another uid for each file, and go back. A process that has one for good is known by
 * who its files in /proc belong to; only if that does not tell more is read. */
static int look_uids(const struct spool_callers *callers, struct caller_slot *slot, uid_t uid,
		     unsigned int want, struct spool_caller *ret)
{
	const struct spool_life_system *system = callers->system;
	bool is_login = ret->audit != SPOOL_AUDIT_UNSET;
	uid_t uids[4];
	int r;

	if (!(want & SPOOL_CALLER_ACTS) && (is_login || !(want & SPOOL_CALLER_ACTS_UNLESS_LOGIN)))
		return 0;
	if (slot->uid == (uid_t)-1)
		slot->uid = system->owner_of(system->ctx, slot->audit);
	if (slot->uid == uid && !(want & SPOOL_CALLER_ACTS_NOW))
		return 0;
	r = spool_process_text(system, slot->tid, SPOOL_PROCESS_STATUS, ret->cgroup);
	if (r == 0)
		r = spool_process_parse_uids(ret->cgroup, uids);
	if (r < 0)
		return r;
	ret->cgroup[0] = '\0';
	ret->acts = !has_one_payer(callers, uids[0], uid) && !has_one_payer(callers, uids[2], uid);
	if (!ret->acts)
		slot->uid = uid;
	return read_audit(callers, slot, &ret->audit);
}

/* A call tells, or else the file. */
static int look_sid(const struct spool_callers *callers, pid_t tid, struct spool_caller *ret)
{
	const struct spool_life_system *system = callers->system;
	struct spool_process process;
	int r = system->sid_of(system->ctx, tid);

	if (r >= 0)
		ret->sid = r;
	if (r >= 0 || r == -ESRCH)
		return r < 0 ? r : 0;
	r = spool_process_text(system, tid, SPOOL_PROCESS_STAT, ret->cgroup);
	if (r == 0)
		r = spool_process_parse_stat(ret->cgroup, &process);
	if (r == 0)
		ret->sid = process.sid;
	return r;
}

/* By its number: the slot, which is read again afterwards, says that it was the same process. */
static int look_further(struct spool_callers *callers, const struct caller_slot *slot,
			unsigned int want, struct spool_caller *ret)
{
	int r = 0;

	if (want & SPOOL_CALLER_SID)
		r = look_sid(callers, slot->tid, ret);
	if (r == 0 && (want & SPOOL_CALLER_CGROUP))
		r = spool_process_text(callers->system, slot->tid, SPOOL_PROCESS_CGROUP,
				       ret->cgroup);
	return r < 0 ? r : read_audit(callers, slot, &ret->audit);
}

int spool_callers_look(struct spool_callers *callers, pid_t tid, uid_t uid, unsigned int want,
		       struct spool_caller *ret)
{
	unsigned int number = (unsigned int)tid;
	struct caller_shard *shard = &callers->shards[number % SHARDS];
	struct caller_slot *slot = &shard->slots[number / SHARDS % callers->per_shard];
	int r;

	ret->cgroup[0] = '\0';
	ret->acts = false;
	spool_mutex_lock(&shard->lock, SPOOL_RANK_LIFE);
	r = look_audit(callers, shard, slot, tid, &ret->audit);
	if (r == 0)
		r = look_uids(callers, slot, uid, want, ret);
	if (r == 0 && (want & (SPOOL_CALLER_SID | SPOOL_CALLER_CGROUP)))
		r = look_further(callers, slot, want, ret);
	if (r < 0)
		let_go(callers, slot);
	spool_mutex_unlock(&shard->lock);
	return r;
}

int spool_callers_new(const struct spool_host *host, const struct spool_life_system *system,
		      const struct spool_session_config *config, struct spool_callers **ret)
{
	struct spool_callers *callers = spool_alloc(host, sizeof(*callers));

	if (!callers)
		return -ENOMEM;
	callers->host = host;
	callers->system = system;
	callers->payer = config->payer;
	callers->ctx = config->ctx;
	callers->per_shard = config->max_callers / SHARDS > 0 ? config->max_callers / SHARDS : 1;
	for (unsigned int i = 0; i < SHARDS; i++) {
		struct caller_shard *shard = &callers->shards[i];

		spool_mutex_init(&shard->lock);
		shard->slots = spool_alloc(host, callers->per_shard * sizeof(*shard->slots));
		if (!shard->slots) {
			spool_callers_free(callers);
			return -ENOMEM;
		}
	}
	*ret = callers;
	return 0;
}

void spool_callers_free(struct spool_callers *callers)
{
	if (!callers)
		return;
	for (unsigned int i = 0; i < SHARDS && callers->shards[i].slots; i++) {
		struct caller_shard *shard = &callers->shards[i];

		for (unsigned int slot = 0; slot < callers->per_shard; slot++)
			let_go(callers, &shard->slots[slot]);
		spool_free(callers->host, shard->slots);
		spool_mutex_fini(&shard->lock);
	}
	spool_free(callers->host, callers);
}
