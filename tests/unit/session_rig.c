/* SPDX-License-Identifier: MIT */
#include "session_rig.h"

#include <string.h>

static void on_wake(void *ctx)
{
	struct session_rig *rig = ctx;

	rig->wakes++;
}

static int on_own(void *ctx, pid_t ret[SPOOL_SESSION_OWN_MAX])
{
	struct session_rig *rig = ctx;
	int n = rig->n_own;

	memcpy(ret, rig->own, sizeof(rig->own));
	if (rig->asked)
		rig->asked(rig);
	return n;
}

static bool is_daemon(void *ctx, pid_t pid)
{
	struct session_rig *rig = ctx;
	bool is = rig->daemon && (pid == rig->daemon || pid == rig->daemon + 1);

	rig->daemon_asks++;
	if (rig->asked_daemon)
		rig->asked_daemon(rig, pid);
	return is;
}

static uid_t payer(void *ctx, uid_t uid)
{
	const struct session_rig *rig = ctx;

	for (size_t i = 0; i < RIG_GRANTS; i++) {
		if (uid >= rig->grants[i].first && uid <= rig->grants[i].last)
			return rig->grants[i].owner;
	}
	return uid;
}

static int payers_known(void *ctx)
{
	const struct session_rig *rig = ctx;

	return rig->payers;
}

struct session_rig *rig_new(enum spool_session_mode mode, unsigned int max_watches)
{
	struct session_rig *rig = calloc(1, sizeof(*rig));
	struct spool_session_config config = {
		.mode = mode,
		.grace_ms = 10000,
		.sys_uid_max = 999,
		.max_watches = max_watches,
		.max_callers = 64,
		.own = on_own,
		.is_daemon = is_daemon,
		.daemon_name = "a) (d",
		.payer = payer,
		.payers_known = payers_known,
		.wake = on_wake,
	};

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	config.ctx = rig;
	fake_life_init(&rig->life);
	fault_host_init(&rig->fault);
	CU_ASSERT_EQUAL_FATAL(
		spool_sessions_new(&rig->fault.host, &rig->life.system, &config, &rig->sessions),
		0);
	return rig;
}

void rig_free(struct session_rig *rig)
{
	spool_sessions_free(rig->sessions);
	CU_ASSERT_EQUAL(rig->life.handles_open, 0);
	CU_ASSERT_EQUAL(rig->fault.live, 0);
	fake_life_fini(&rig->life);
	free(rig);
}

uint64_t rig_make(struct session_rig *rig, pid_t tid, uid_t uid, uint64_t directory)
{
	const struct spool_creator creator = {
		.tid = tid, .uid = uid, .owner = payer(rig, uid), .directory = directory};
	uint64_t id = spool_sessions_of(rig->sessions, &creator);

	spool_sessions_done(rig->sessions, id, true);
	return id;
}

void rig_pass(struct session_rig *rig, uint64_t ms)
{
	fake_pass(&rig->life, rig->sessions, ms);
	rig->n_ended += spool_sessions_take(rig->sessions, rig->ended + rig->n_ended,
					    RIG_ENDED - rig->n_ended);
}

bool rig_ended(const struct session_rig *rig, uint64_t id)
{
	for (size_t i = 0; i < rig->n_ended; i++) {
		if (rig->ended[i] == id)
			return true;
	}
	return false;
}

int rig_state(struct session_rig *rig, uint64_t id)
{
	struct spool_session_info info;

	return spool_sessions_info(rig->sessions, id, &info) == 0 ? (int)info.state : -1;
}
