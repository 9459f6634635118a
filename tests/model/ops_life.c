/* SPDX-License-Identifier: MIT */

/* Random operations on lifetimes and sessions, and what is removed by itself. */

#include "run.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/engine_life.h"
#include "util/macros.h"

typedef unsigned long long ull;

#define REAP_MAX 24u
#define NS_PER_MS 1000000u

static void on_inodes(void *ctx, uint64_t id, int n)
{
	struct run *run = ctx;

	run->counted[id] += n;
}

void life_config(struct run *run, struct spool_config *config)
{
	static const enum spool_lifetime lifetimes[] = {
		SPOOL_LIFETIME_SESSION, SPOOL_LIFETIME_SESSION, SPOOL_LIFETIME_SESSION,
		SPOOL_LIFETIME_CLOSE, SPOOL_LIFETIME_MOUNT};

	config->lifetime = lifetimes[run_random(run, 5)];
	config->linger_ms = run_random(run, 3) * 2000;
	config->session_inodes = on_inodes;
	config->life_ctx = run;
	for (size_t i = 0; i < RUN_SESSIONS; i++)
		run->sessions[i] = ++run->last_session;
}

uint64_t life_session(struct run *run)
{
	return run_random(run, 3) ? run->sessions[run_random(run, RUN_SESSIONS)] : 0;
}

static struct spool_life ask(struct run *run, uint64_t ino)
{
	struct spool_life life = {0};

	if (spool_engine_life(run->engine, ino, &life) < 0)
		run_fail(run, "inode %llu has no lifetime", (ull)ino);
	return life;
}

static struct model_life of_engine(const struct spool_life *life)
{
	return (struct model_life){
		.lifetime = life->lifetime,
		.session = life->ended && life->session == 0 ? MODEL_EXPIRED : life->session,
		.lingers = life->linger_ms != UINT64_MAX,
	};
}

static void wrong(struct run *run, const struct model_node *node, const struct spool_life *got)
{
	run_fail(run,
		 "inode %llu: lifetime %d, session %llu%s, bound to %llu, lingers for %llu ms; "
		 "the model has %d, %llu, %llu, %llu; pending 0x%x, 0x%x",
		 (ull)node->ino, got->lifetime, (ull)got->session, got->ended ? " (ended)" : "",
		 (ull)got->bound, (ull)got->linger_ms, node->life.lifetime, (ull)node->life.session,
		 (ull)node->bound, (ull)model_linger_ms(run->model, node), node->must, node->may);
}

/* Has it no name any more? When it lost that, what was pending may have been done to it or not. */
static bool is_gone(const struct run *run, const struct model_node *node)
{
	return node->ino != SPOOL_INO_ROOT && !node->tmpfile &&
	       model_names(run->model, node->ino) == 0;
}

/* Takes over what the engine says of @node, if that is one of what may be. */
static void adopt(struct run *run, struct model_node *node, bool done)
{
	struct spool_life got = ask(run, node->ino);
	struct model_life life = of_engine(&got);

	if (!is_gone(run, node) && !model_may_be(run->model, node, &life, done))
		wrong(run, node, &got);
	node->life = life;
	if (got.bound != (model_is_live(run->model, node->bound) ? node->bound : 0))
		node->bound_here = false;
	node->bound = got.bound;
	node->bound_open &= !done; /* else it may yet be bound otherwise */
}

void life_settle(struct run *run, uint64_t ino)
{
	struct model_node *node = model_find(run->model, ino);

	if (node && (node->must || node->may || node->bound_open))
		adopt(run, node, false);
}

static void check_one(struct run *run, const struct model_node *node)
{
	struct spool_life got = ask(run, node->ino);
	struct model_life life = of_engine(&got);
	uint64_t bound = model_is_live(run->model, node->bound) ? node->bound : 0;

	if (node->bound_open)
		bound = got.bound;
	if (life.lifetime != node->life.lifetime || life.session != node->life.session ||
	    got.ended != model_life_ended(run->model, &node->life) || got.bound != bound ||
	    got.is_open != (node->n_open > 0) || got.linger_ms != model_linger_ms(run->model, node))
		wrong(run, node, &got);
}

void life_check(struct run *run)
{
	for (size_t i = 0; i < run->model->n_nodes; i++) {
		const struct model_node *node = &run->model->nodes[i];

		/* what was wiped may have gone for another reason before that */
		if (!(node->must | node->may) && !(node->wiped && is_gone(run, node)))
			check_one(run, node);
	}
}

/* What is bound below a bound directory: what it was bound to itself, if that goes on, else the
 * same. */
static void bind_below(struct run *run, uint64_t dir, uint64_t session)
{
	struct model *m = run->model;

	for (size_t i = 0; i < m->n_entries; i++) {
		struct model_node *node = model_find(m, m->entries[i].ino);

		if (m->entries[i].dir != dir || !model_is_dir(node))
			continue;
		if (!node->bound_here || !model_is_live(m, node->bound)) {
			node->bound = session;
			node->bound_here = false;
		}
		bind_below(run, node->ino, node->bound);
	}
}

/* One bind, and nothing else since: what every directory is bound to is known. */
static bool check_bound(struct run *run)
{
	struct model *m = run->model;

	if (m->n_works != 1 || m->works[0].kind != MODEL_BIND || m->works[0].disturbed)
		return false;
	bind_below(run, m->works[0].ino, m->works[0].session);
	for (size_t i = 0; i < m->n_nodes; i++) {
		if (model_is_dir(&m->nodes[i]) && !is_gone(run, &m->nodes[i]))
			check_one(run, &m->nodes[i]);
	}
	return true;
}

static void check_stat(struct run *run)
{
	struct spool_life_stat stat;
	uint64_t waiting = 0, lingering = 0;
	static int64_t counted[MODEL_SESSIONS];

	memset(counted, 0, sizeof(counted));
	for (size_t i = 0; i < run->model->n_nodes; i++) {
		const struct model_node *node = &run->model->nodes[i];

		waiting += model_goes(run->model, node);
		lingering += node->life.lingers;
		if (node->life.session != MODEL_EXPIRED)
			counted[node->life.session]++;
	}
	counted[0] = 0;
	spool_engine_life_stat(run->engine, &stat);
	if (stat.removed != run->n_reaped || stat.waiting != waiting ||
	    stat.lingering != lingering || stat.ended != 0)
		run_fail(run,
			 "%llu removed, %llu wait, %llu linger, %llu ended; not %llu, %llu, %llu",
			 (ull)stat.removed, (ull)stat.waiting, (ull)stat.lingering, (ull)stat.ended,
			 (ull)run->n_reaped, (ull)waiting, (ull)lingering);
	if (memcmp(counted, run->counted, sizeof(counted)) != 0)
		run_fail(run, "sessions are told another number of inodes than they have");
}

/* Nothing is left to do: what was to go has gone, and what was to be done to trees is done. */
static void settled(struct run *run, int r, uint64_t ms)
{
	struct model *m = run->model;
	uint64_t first = UINT64_MAX;

	check_bound(run);
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct model_node *node = &m->nodes[i];

		if (node->must || node->may || node->bound_open)
			adopt(run, node, true);
		node->must = node->may = node->over = 0;
		if (model_goes(m, node) &&
		    !(model_is_dir(node) && model_count(m, node->ino, false) > 0))
			run_fail(run, "inode %llu was to go", (ull)node->ino);
		if (node->life.lingers)
			first = spool_min_u64(first, model_linger_ms(m, node));
	}
	m->n_works = 0;
	if (r != (first == UINT64_MAX ? SPOOL_REAP_NOTHING : SPOOL_REAP_LATER) ||
	    (r == SPOOL_REAP_LATER && ms != first))
		run_fail(run, "reap says %d, %llu ms; the first goes in %llu", r, (ull)ms,
			 (ull)first);
	check_stat(run);
}

/* The wiped file that somebody has open is told. */
static void told_wiped(struct run *run, uint64_t ino)
{
	struct model_node *node = model_find(run->model, ino);

	if (!node || !node->wiped || !model_is_file(node) || node->n_open == 0)
		run_fail(run, "inode %llu is told, but not wiped and open", (ull)ino);
}

static int reap(struct run *run, size_t n)
{
	static struct spool_removed removed[REAP_MAX];
	uint64_t ms = 0;
	size_t got = 0;
	int r = spool_engine_reap(run->engine, removed, n, &got, &ms);

	if (got > n)
		run_fail(run, "reap removes more than it has room for");
	for (size_t i = 0; i < got; i++) {
		const char *error = NULL;

		spool_engine_told(run->engine, &removed[i].untold);
		if (removed[i].parent == 0) {
			told_wiped(run, removed[i].ino);
			continue;
		}
		error = model_reaped(run->model, removed[i].parent, removed[i].name,
				     removed[i].ino);
		if (error)
			run_fail(run, "\"%.60s\" in %llu, inode %llu, went: %s", removed[i].name,
				 (ull)removed[i].parent, (ull)removed[i].ino, error);
		run->n_reaped++;
		model_collect(run->model);
	}
	if (r != SPOOL_REAP_MORE)
		settled(run, r, ms);
	return r;
}

/* A step, or until there is nothing to do. */
void op_reap(struct run *run)
{
	size_t n = 1 + run_random(run, REAP_MAX);
	bool all = run_random(run, 3) == 0;
	int r;

	run_begin(run, "reap(%zu)%s", n, all ? ", all" : "");
	do {
		r = reap(run, n);
	} while (all && r == SPOOL_REAP_MORE);
	run_settle(run, r, NULL);
}

void life_finish(struct run *run)
{
	while (reap(run, REAP_MAX) == SPOOL_REAP_MORE)
		;
}

void op_session_end(struct run *run)
{
	size_t i = run_random(run, RUN_SESSIONS);

	if (run->last_session + 1 == MODEL_SESSIONS)
		return;
	run_begin(run, "session_end(%llu)", (ull)run->sessions[i]);
	spool_engine_session_end(run->engine, run->sessions[i]);
	run_settle(run, 0, NULL);
	model_session_end(run->model, run->sessions[i]);
	run->sessions[i] = ++run->last_session;
}

static int work(struct run *run, uint64_t ino, const struct model_work *what, bool below)
{
	if (what->kind == MODEL_EXPIRE)
		return spool_engine_expire(run->engine, what->by, ino);
	if (what->kind == MODEL_BIND)
		return spool_engine_bind(run->engine, ino, what->session, NULL);
	return spool_engine_set_lifetime(run->engine, what->by, ino, what->lifetime, below);
}

static uint64_t random_target(struct run *run)
{
	return run_random(run, 3) ? run_dir(run) : run_node(run, 0);
}

/* setting, expiring, binding; of one inode or of all below as well */
void op_work(struct run *run)
{
	static const char *const kinds[] = {"set_lifetime", "expire", "bind"};
	static const int choice[] = {MODEL_SET, MODEL_SET, MODEL_SET, MODEL_EXPIRE, MODEL_BIND};
	struct model_work what = {
		.kind = choice[run_random(run, 5)],
		.lifetime = (enum spool_lifetime)run_random(run, 3),
		.session = run->sessions[run_random(run, RUN_SESSIONS)],
		.by = run_random(run, 4) ? SPOOL_UID_UNKNOWN : run_uids[run_random(run, RUN_UIDS)],
	};
	uint64_t ino = random_target(run);
	struct model_node *node = model_find(run->model, ino);
	struct run_need need = {.payers = {node ? node->payer : 0, node ? node->payer : 0}};
	bool below = what.kind != MODEL_SET || run_random(run, 2);
	int r;

	what.ino = ino;
	if (what.kind == MODEL_BIND) {
		what.by = SPOOL_UID_UNKNOWN;
		/* it would have its session until the mount ends */
		if (node && (node->ino == SPOOL_INO_ROOT || node->role == MODEL_TOP))
			return;
	}
	if (run->model->n_works == MODEL_WORKS) {
		op_reap(run);
		return;
	}
	life_settle(run, ino);
	need.amount[SPOOL_RES_SIZE] = need.amount[SPOOL_RES_RAM] = 256;
	run_begin(run, "%s(%llu, by %d, lifetime %d, session %llu%s)", kinds[what.kind], (ull)ino,
		  (int)what.by, what.lifetime, (ull)what.session, below ? ", tree" : "");
	r = work(run, ino, &what, below);
	if (!run_settle(run, r, what.kind == MODEL_BIND ? &need : NULL))
		return;
	if (r == -EBUSY) {
		bool other = false;

		for (unsigned int i = 0; i < run->model->n_works; i++)
			other |= run->model->works[i].by != what.by;
		if (!other)
			run_fail(run, "nobody else's request is being done");
		return;
	}
	run_same(run, model_work_check(run->model, ino, what.by, what.kind == MODEL_BIND));
	if (r == 0)
		model_work(run->model, ino, &what, below);
	if (r == 0 && what.kind == MODEL_BIND) {
		model_find(run->model, ino)->bound_here = true;
		run->model->bound_at[what.session] = ino;
	}
}

void op_linger(struct run *run)
{
	uint64_t ms = run_random(run, 3) * 1500;

	run_begin(run, "set_linger(%llu ms)", (ull)ms);
	spool_engine_set_linger(run->engine, ms);
	run->model->linger_ns = ms * NS_PER_MS;
	run_settle(run, 0, NULL);
}

/* All that goes is marked, in private at times only that of one uid. */
static void mark_wiped(struct run *run, const uid_t *tree)
{
	for (size_t i = 0; i < run->model->n_nodes; i++) {
		struct model_node *node = &run->model->nodes[i];

		if (node->role != MODEL_ORDINARY || node->ino == SPOOL_INO_ROOT ||
		    (tree && node->payer != *tree))
			continue;
		node->must = node->may = 0;
		if (model_is_file(node))
			model_wipe(node);
		node->wiped = true;
		if (model_names(run->model, node->ino) == 0)
			continue;
		node->life = (struct model_life){.session = MODEL_EXPIRED};
	}
}

/* Seldom, as nothing is left; it is not told from outside how far one has come. */
void op_wipe(struct run *run)
{
	uid_t uid = run_uids[run_random(run, RUN_UIDS)];
	bool one = run->model->config.layout == SPOOL_LAYOUT_PRIVATE && run_random(run, 4);
	int r;

	if (run_random(run, 12))
		return;
	run_begin(run, "wipe(%d)", one ? (int)uid : -1);
	r = spool_engine_wipe(run->engine, one ? &uid : NULL);
	if (!run_settle(run, r, NULL))
		return;
	run_same(run, 0);
	if (run_random(run, 2))
		spool_engine_wipe(run->engine, one ? &uid : NULL); /* the same begins again */
	mark_wiped(run, one ? &uid : NULL);
	while (reap(run, 1 + run_random(run, REAP_MAX)) == SPOOL_REAP_MORE)
		;
}
