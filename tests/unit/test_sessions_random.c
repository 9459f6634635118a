/* SPDX-License-Identifier: MIT */

/*
 * Sessions at random against a naive model: a session must not end while a process of it lives, and
 * must end when none is left and everything works. SPOOL_SEED takes other seeds than 1 to 4.
 */

#include <errno.h>
#include <string.h>

#include "session_rig.h"

#define STEPS 4000u
#define RUNS 4u
#define PIDS 40u
#define AUDITS 5u
#define UIDS 3u
#define IDS 65536u

struct model {
	struct session_rig *rig;
	uint64_t random;
	struct {
		bool is_login, has_entry;
		bool was_left; /* by a process that lives on, and may be the one watched */
		uint64_t value;
	} ids[IDS];
	size_t n_ended;
};

static unsigned int below(struct model *model, unsigned int n)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (unsigned int)(model->random >> 20) % n;
}

static pid_t any_pid(struct model *model)
{
	return (pid_t)(100 + below(model, PIDS));
}

static bool is_member(const struct model *model, uint64_t id, const struct fake_process *process)
{
	if (!process->alive || (process->zombie && process->threads == 1))
		return false;
	return model->ids[id].is_login ? process->audit == model->ids[id].value
				       : process->uids[0] == model->ids[id].value ||
						 process->uids[2] == model->ids[id].value;
}

static bool has_member(const struct model *model, uint64_t id)
{
	for (size_t i = 0; i < model->rig->life.n; i++) {
		if (is_member(model, id, &model->rig->life.processes[i]))
			return true;
	}
	return false;
}

/* Whatever ended meanwhile had nobody left: processes change between the calls only. */
static void pass(struct model *model, uint64_t ms)
{
	struct session_rig *rig = model->rig;

	rig_pass(rig, ms);
	for (; model->n_ended < rig->n_ended; model->n_ended++) {
		uint64_t id = rig->ended[model->n_ended];

		CU_ASSERT_FALSE(has_member(model, id));
		model->ids[id].has_entry = false;
		spool_sessions_put(rig->sessions, id, 1);
	}
}

static void start(struct model *model)
{
	pid_t pid = any_pid(model);
	unsigned int audit = below(model, AUDITS + 2);
	struct fake_process *process;

	if (fake_find(&model->rig->life, pid))
		return;
	process = fake_start(&model->rig->life, pid, 1000 + below(model, UIDS),
			     audit < AUDITS ? audit : FAKE_UNSET, pid);
	process->zombie = below(model, 10) == 0;
	process->threads = 1 + below(model, 2);
	if (below(model, 5) == 0)
		process->uids[2] = 1000 + below(model, UIDS);
}

static void make(struct model *model)
{
	pid_t pid = any_pid(model);
	struct fake_process *process = fake_find(&model->rig->life, pid);
	bool is_login;
	uint64_t id;

	if (!process || process->zombie)
		return;
	/* who cannot be looked at takes his directory's session, which is none */
	id = rig_make(model->rig, pid, process->uids[0], 0);
	if (id == SPOOL_SESSION_NONE) {
		CU_ASSERT_TRUE(model->rig->life.open_error || model->rig->life.read_error);
		return;
	}
	CU_ASSERT_TRUE_FATAL(id < IDS);
	is_login = process->audit != FAKE_UNSET;
	if (model->ids[id].value) {
		CU_ASSERT_EQUAL(model->ids[id].is_login, is_login);
		CU_ASSERT_EQUAL(model->ids[id].value, is_login ? process->audit : process->uids[0]);
	}
	model->ids[id].is_login = is_login;
	model->ids[id].value = is_login ? process->audit : process->uids[0];
	if (model->ids[id].has_entry)
		spool_sessions_put(model->rig->sessions, id, 1);
	model->ids[id].has_entry = true;
}

static int maybe(struct model *model, int error)
{
	return below(model, 4) == 0 ? error : 0;
}

static void go_wrong(struct model *model)
{
	struct fake_life *life = &model->rig->life;

	life->list_error = maybe(model, -ENOMEM);
	life->open_error = maybe(model, -EMFILE);
	life->read_error = maybe(model, -EACCES);
	life->watch_error = maybe(model, -ENOSYS);
	life->error_pid = below(model, 2) ? any_pid(model) : 0;
	life->max_pidfds = below(model, 2) ? 3 : 1000;
}

/* He goes to another audit session. */
static void move(struct model *model, struct fake_process *process)
{
	for (uint64_t id = 1; id < IDS; id++) {
		if (model->ids[id].has_entry && model->ids[id].is_login &&
		    model->ids[id].value == process->audit)
			model->ids[id].was_left = true;
	}
	process->audit = below(model, AUDITS);
}

static void step(struct model *model)
{
	struct fake_process *process;
	pid_t pid;

	switch (below(model, 8)) {
	case 0:
	case 1:
		start(model);
		break;
	case 2:
	case 3:
		make(model);
		break;
	case 4:
		pid = any_pid(model);
		if (fake_find(&model->rig->life, pid))
			fake_end(&model->rig->life, pid);
		break;
	case 5:
		process = fake_find(&model->rig->life, any_pid(model));
		if (process && below(model, 4) == 0)
			move(model, process);
		break;
	case 6:
		if (below(model, 10) == 0)
			go_wrong(model);
		break;
	default:
		pass(model, below(model, 3) ? below(model, 300) : below(model, 30000));
	}
}

static void all_works(struct model *model)
{
	struct fake_life *life = &model->rig->life;

	life->list_error = life->open_error = life->read_error = life->watch_error = 0;
	life->max_pidfds = 1000;
	pass(model, 1000000);
	for (uint64_t id = 1; id < IDS; id++) {
		if (model->ids[id].has_entry)
			CU_ASSERT_TRUE(has_member(model, id) || model->ids[id].was_left);
	}
	for (pid_t pid = 100; pid < (pid_t)(100 + PIDS); pid++) {
		if (fake_find(life, pid))
			fake_end(life, pid);
	}
	pass(model, 1000000);
	for (uint64_t id = 1; id < IDS; id++)
		CU_ASSERT_FALSE(model->ids[id].has_entry);
}

static void test_random(void)
{
	const char *given = getenv("SPOOL_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 1;

	for (unsigned int run = 0; run < RUNS; run++, seed++) {
		struct model *model = calloc(1, sizeof(*model));

		CU_ASSERT_PTR_NOT_NULL_FATAL(model);
		printf("SPOOL_SEED=%llu ", (unsigned long long)seed);
		model->random = seed * 2654435761u + 1;
		model->rig = rig_new(SPOOL_SESSION_AUTO, 1000);
		for (unsigned int i = 0; i < STEPS; i++)
			step(model);
		all_works(model);
		rig_free(model->rig);
		free(model);
	}
}

static const struct unit_test tests[] = {
	{"random", test_random},
};

int main(void)
{
	return unit_run("sessions_random", tests, sizeof(tests) / sizeof(tests[0]));
}
