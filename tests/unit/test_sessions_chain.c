/* SPDX-License-Identifier: MIT */

/* Sessions of which one short-lived process is left at a time: each starts the next one and ends
 * before it can be read. And others, who do the same, and keep nobody's session by that. */

#include <errno.h>

#include "session_rig.h"

enum { ALICE = 1000, BOB = 1001, SHELL = 100, MIDDLE = 200, HIGH = 60000 };

/* A second, of the slowest look that is made again. */
#define FOUND 1000u

/**
 * struct chain - who hands over
 * @pid: lives now; @every: at each so many reads; @links: how many it may have still
 */
struct chain {
	pid_t pid;
	unsigned long every;
	unsigned int links;
};

/* Each ends when a process is about to be read, so it may be listed and is not read. */
static void hand_over(struct fake_life *life)
{
	struct chain *chain = life->arg;
	pid_t next;

	if (chain->links == 0)
		return;
	chain->links--;
	next = fake_fork(life, fake_find(life, chain->pid))->pid;
	fake_end(life, chain->pid);
	chain->pid = next;
	life->hook_at = life->reads + chain->every;
}

/* A session of Alice whose last process is the first of a chain; processes above and below it. */
static struct session_rig *chained(struct chain *chain, uint64_t *ret_id)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);

	for (pid_t pid = HIGH; pid < HIGH + 5; pid++)
		fake_start(&rig->life, pid, BOB, 9, pid);
	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	*ret_id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	fake_start(&rig->life, MIDDLE, ALICE, 7, SHELL);
	chain->pid = MIDDLE;
	fake_end(&rig->life, SHELL);
	rig->life.arg = chain;
	rig->life.hook = hand_over;
	rig->life.hook_at = rig->life.reads + chain->every;
	return rig;
}

/* It ends when the chain has. */
static void ends_with(struct session_rig *rig, const struct chain *chain, uint64_t id)
{
	CU_ASSERT_FALSE(rig_ended(rig, id));
	rig->life.hook_at = 0;
	rig_pass(rig, 10 * RIG_LONG);
	CU_ASSERT_EQUAL(rig_state(rig, id), SPOOL_SESSION_WATCHED);
	fake_end(&rig->life, chain->pid);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

/* Nobody can be read ever: what began while we looked was a member's, or it was not. */
static void test_never_read(void)
{
	for (unsigned long every = 1; every <= 8; every++) {
		struct chain chain = {.every = every, .links = 50000};
		uint64_t id;
		struct session_rig *rig = chained(&chain, &id);

		rig_pass(rig, RIG_LONG);
		ends_with(rig, &chain, id);
	}
}

/* The last link is made at each place of the two looks. */
static void test_last_link(void)
{
	for (unsigned int links = 1; links <= 40; links++) {
		struct chain chain = {.every = 1, .links = links};
		uint64_t id;
		struct session_rig *rig = chained(&chain, &id);

		rig_pass(rig, RIG_LONG);
		CU_ASSERT_EQUAL(chain.links, 0);
		ends_with(rig, &chain, id);
	}
}

/* The numbers begin again while somebody looks: behind the place where he is. */
static void test_numbers_begin_again(void)
{
	for (pid_t last = (pid_t)FAKE_PIDS - 9; last < (pid_t)FAKE_PIDS; last++) {
		struct chain chain = {.every = 1, .links = 12};
		uint64_t id;
		struct session_rig *rig = chained(&chain, &id);

		rig->life.last = last;
		rig_pass(rig, 10 * RIG_LONG);
		CU_ASSERT_EQUAL(chain.links, 0);
		ends_with(rig, &chain, id);
	}
}

/* Bob starts processes all the time; at most so many of them live. */
static void storm(struct fake_life *life)
{
	struct chain *chain = life->arg;

	hand_over(life);
	for (unsigned int i = 0; i < 20; i++)
		fake_end(life, fake_fork(life, fake_find(life, chain->pid))->pid);
}

static void test_a_storm_of_others(void)
{
	for (unsigned long every = 2; every <= 4; every++) {
		struct chain chain = {.pid = HIGH, .every = every, .links = 1000000};
		struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
		uint64_t id;

		fake_start(&rig->life, HIGH, BOB, 9, HIGH);
		fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
		id = rig_make(rig, SHELL, ALICE, 0);
		rig_pass(rig, FOUND);
		rig->life.arg = &chain;
		rig->life.hook = storm;
		rig->life.hook_at = rig->life.reads + 1;
		fake_end(&rig->life, SHELL);
		rig_pass(rig, FOUND);
		CU_ASSERT_TRUE(rig_ended(rig, id));
		CU_ASSERT_TRUE(chain.links < 1000000);
		rig_free(rig);
	}
}

/* Where nothing tells which numbers have been given nobody has gone. */
static void test_numbers_cannot_be_read(void)
{
	struct session_rig *rig = rig_new(SPOOL_SESSION_AUTO, 100);
	uint64_t id;

	fake_start(&rig->life, SHELL, ALICE, 7, SHELL);
	id = rig_make(rig, SHELL, ALICE, 0);
	rig_pass(rig, FOUND);
	rig->life.number_error = -EOPNOTSUPP;
	fake_end(&rig->life, SHELL);
	rig_pass(rig, RIG_LONG);
	CU_ASSERT_FALSE(rig_ended(rig, id));
	rig->life.number_error = 0;
	rig_pass(rig, 10 * RIG_LONG);
	CU_ASSERT_TRUE(rig_ended(rig, id));
	rig_free(rig);
}

static const struct unit_test tests[] = {
	{"never_read", test_never_read},
	{"last_link", test_last_link},
	{"numbers_begin_again", test_numbers_begin_again},
	{"a_storm_of_others", test_a_storm_of_others},
	{"numbers_cannot_be_read", test_numbers_cannot_be_read},
};

int main(void)
{
	return unit_run("sessions_chain", tests, sizeof(tests) / sizeof(tests[0]));
}
