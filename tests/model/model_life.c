/* SPDX-License-Identifier: MIT */

/*
 * What the naive model knows of lifetimes. What is to be done to a tree is done by the engine some
 * time until it says that nothing is left to do. Until then a node below has each of the states
 * that what is pending can lead to; afterwards, only those to which all of it leads. What was asked
 * for earlier is done first, or passes over what something later was done to.
 */

#include "model.h"

#include <errno.h>
#include <string.h>

#define NS_PER_MS 1000000u

bool model_is_live(const struct model *m, uint64_t session)
{
	return session != 0 && session != MODEL_EXPIRED && !m->ended[session];
}

static uint64_t choose(const struct model *m, const struct spool_cred *cred,
		       const struct model_node *dir)
{
	uint64_t session = cred->session ? cred->session : dir->life.session;

	if (model_is_live(m, dir->bound))
		return dir->bound;
	return model_is_live(m, session) ? session : 0;
}

void model_inherit(struct model *m, const struct spool_cred *cred, const struct model_node *dir,
		   struct model_node *node, bool named)
{
	node->life.lifetime = dir->life.lifetime;
	node->may = model_all_works(m);
	if (named)
		model_join(m, cred, dir, node);
	if (model_is_dir(node) && model_is_live(m, dir->bound))
		node->bound = dir->bound;
}

void model_join(const struct model *m, const struct spool_cred *cred, const struct model_node *dir,
		struct model_node *node)
{
	node->life.session = choose(m, cred, dir);
}

unsigned int model_all_works(const struct model *m)
{
	return (1u << m->n_works) - 1;
}

void model_moved(struct model *m)
{
	for (unsigned int i = 0; i < m->n_works; i++)
		m->works[i].disturbed = true;
	for (size_t i = 0; i < m->n_nodes; i++) {
		m->nodes[i].may = model_all_works(m) & ~m->nodes[i].over;
		m->nodes[i].must = 0;
		m->nodes[i].bound_open |= m->n_works > 0;
	}
}

void model_lost_name(struct model *m, struct model_node *node)
{
	node->may |= node->must;
	node->must = 0;
	if (model_names(m, node->ino) > 0)
		return;
	node->life.session = 0;
	node->life.lingers = false;
}

void model_closed(struct model *m, struct model_node *node)
{
	if (node->life.lifetime != SPOOL_LIFETIME_CLOSE || !model_is_file(node) ||
	    node->n_open > 0 || model_names(m, node->ino) == 0)
		return;
	if (node->size == 0 && !node->written)
		return;
	node->life.lingers = true;
	node->closed_ns = m->now_ns;
}

static bool is_over(const struct model *m, const struct model_node *node)
{
	return m->now_ns - node->closed_ns >= m->linger_ns;
}

uint64_t model_linger_ms(const struct model *m, const struct model_node *node)
{
	uint64_t left = is_over(m, node) ? 0 : node->closed_ns + m->linger_ns - m->now_ns;

	return node->life.lingers ? (left + NS_PER_MS - 1) / NS_PER_MS : UINT64_MAX;
}

bool model_life_ended(const struct model *m, const struct model_life *life)
{
	return life->session != 0 && !model_is_live(m, life->session);
}

/* Would @node go, if @life were what it has? */
static bool goes(const struct model *m, const struct model_node *node,
		 const struct model_life *life)
{
	if (node->role != MODEL_ORDINARY || node->ino == SPOOL_INO_ROOT ||
	    model_names(m, node->ino) == 0)
		return false;
	if (life->lingers && is_over(m, node))
		return true;
	return life->lifetime != SPOOL_LIFETIME_MOUNT && model_life_ended(m, life);
}

static void apply(const struct model *m, const struct model_node *node,
		  const struct model_work *work, struct model_life *life)
{
	if (work->kind == MODEL_SET && !node->wiped) {
		life->lifetime = work->lifetime;
		life->lingers = false;
	}
	if (work->kind != MODEL_EXPIRE || node->role != MODEL_ORDINARY ||
	    node->ino == SPOOL_INO_ROOT || (life->lifetime == SPOOL_LIFETIME_MOUNT && !work->kept))
		return;
	*life = (struct model_life){.session = MODEL_EXPIRED};
	if (model_names(m, node->ino) == 0) /* it had one then */
		life->session = 0;
}

static bool is_same(const struct model_life *a, const struct model_life *b)
{
	if (a->lifetime != b->lifetime || a->lingers != b->lingers)
		return false;
	/* what stays may have expired before it was told to */
	return a->session == b->session || a->lifetime == SPOOL_LIFETIME_MOUNT;
}

/* Can what is pending, from work @i on, lead from @life to @want (NULL: to where it goes)? Works
 * are done in their order, each of @may or not; of @must, one is left out only if a later one got
 * there before it. @owes: one has been. */
static bool leads_to(const struct model *m, const struct model_node *node, struct model_life life,
		     unsigned int i, unsigned int must, unsigned int may, bool owes,
		     const struct model_life *want)
{
	unsigned int bit = 1u << i;
	struct model_life next = life;

	if (i == MODEL_WORKS)
		return !owes && (want ? is_same(&life, want) : goes(m, node, &life));
	if (m->works[i].kind == MODEL_BIND || !((must | may) & bit))
		return leads_to(m, node, life, i + 1, must, may, owes, want);
	apply(m, node, &m->works[i], &next);
	if (leads_to(m, node, next, i + 1, must, may, false, want))
		return true;
	if (m->works[i].kept_or_not) {
		struct model_work other = m->works[i];

		other.kept = !other.kept;
		next = life;
		apply(m, node, &other, &next);
		if (leads_to(m, node, next, i + 1, must, may, false, want))
			return true;
	}
	return leads_to(m, node, life, i + 1, must, may, owes || (must & bit), want);
}

bool model_may_be(const struct model *m, const struct model_node *node,
		  const struct model_life *life, bool done)
{
	if (done)
		return leads_to(m, node, node->life, 0, node->must, node->may, false, life);
	return leads_to(m, node, node->life, 0, 0, node->must | node->may, false, life);
}

bool model_goes(const struct model *m, const struct model_node *node)
{
	return goes(m, node, &node->life);
}

bool model_may_change(const struct model *m, const struct model_node *node, uid_t by)
{
	if (by == 0 || by == SPOOL_UID_UNKNOWN)
		return true;
	return m->config.layout == SPOOL_LAYOUT_SHARED ? node->uid == by : node->payer == by;
}

static void cover(struct model *m, uint64_t dir, const struct model_work *work, unsigned int bit)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		struct model_node *node = model_find(m, m->entries[i].ino);

		if (m->entries[i].dir != dir || !model_may_change(m, node, work->by))
			continue;
		node->must |= bit;
		if (model_is_dir(node))
			cover(m, node->ino, work, bit);
	}
}

int model_work_check(struct model *m, uint64_t ino, uid_t by, bool bind)
{
	struct model_node *node = model_find(m, ino);

	if (!node)
		return -ESTALE;
	if (bind && !model_is_dir(node))
		return -ENOTDIR;
	if (model_is_private_root(m, node) || node->role == MODEL_SELF)
		return -EPERM;
	return model_may_change(m, node, by) ? 0 : -EPERM;
}

/* A request for @node itself: earlier ones that have not got there pass it over. */
static void pass_over(const struct model *m, struct model_node *node)
{
	for (unsigned int i = 0; i < m->n_works; i++) {
		if (m->works[i].kind != MODEL_BIND)
			node->over |= 1u << i;
	}
	node->must &= ~node->over;
	node->may &= ~node->over;
}

/* Whether @node stays until the mount ends when it expires, after all that was asked for before. */
static void foresee(const struct model *m, const struct model_node *node, struct model_work *work)
{
	struct model_life life = node->life;

	for (unsigned int i = 0; i < m->n_works; i++) {
		bool is_pending = (node->must | node->may) & 1u << i;

		if (m->works[i].kind == MODEL_BIND || !is_pending)
			continue;
		work->kept_or_not |= m->works[i].kept_or_not || !(node->must & 1u << i);
		apply(m, node, &m->works[i], &life);
	}
	work->kept = life.lifetime == SPOOL_LIFETIME_MOUNT;
}

void model_work(struct model *m, uint64_t ino, const struct model_work *given, bool below)
{
	struct model_node *node = model_find(m, ino);
	struct model_work work = *given, own;

	if (work.kind == MODEL_EXPIRE)
		foresee(m, node, &work);
	own = work;
	own.kept = true; /* it is asked for itself */
	if (work.kind != MODEL_EXPIRE || model_names(m, ino) > 0)
		apply(m, node, &own, &node->life);
	if (work.kind == MODEL_BIND)
		node->bound = work.session;
	else
		pass_over(m, node);
	if (!below || !model_is_dir(node))
		return;
	m->works[m->n_works] = work;
	if (model_names(m, ino) > 0 || ino == SPOOL_INO_ROOT)
		node->must |= 1u << m->n_works;
	else
		node->may |= 1u << m->n_works;
	cover(m, ino, &work, 1u << m->n_works);
	m->n_works++;
}

void model_rebind(struct model *m, const struct model_node *dir, struct model_node *node)
{
	const struct model_work work = {
		.kind = MODEL_BIND,
		.session = model_is_live(m, dir->bound) ? dir->bound : 0,
		.ino = node->ino,
		.by = SPOOL_UID_UNKNOWN,
	};
	uint64_t now = model_is_live(m, node->bound) ? node->bound : 0;

	if (!model_is_dir(node) || now == work.session || (node->bound_here && now))
		return;
	model_work(m, node->ino, &work, true);
	node->bound_here = false;
}

void model_session_end(struct model *m, uint64_t session)
{
	struct model_node *dir = model_find(m, m->bound_at[session]);

	m->ended[session] = true;
	for (unsigned int i = 0; i < m->n_works; i++)
		m->works[i].disturbed = true;
	if (!dir)
		return;
	if (m->n_works > 0) /* what is bound is not known before all is done */
		model_moved(m);
	else if (model_find(m, dir->above))
		model_rebind(m, model_find(m, dir->above), dir);
}

const char *model_reaped(struct model *m, uint64_t dir, const char *name, uint64_t ino)
{
	struct model_entry *entry = model_entry(m, dir, name);
	struct model_node *node = model_find(m, ino);

	if (!entry || entry->ino != ino)
		return "there is no such name";
	if (!model_may_be(m, node, NULL, false))
		return "it was to stay";
	if (model_is_dir(node) && model_count(m, ino, false) > 0)
		return "it is not empty";
	model_drop_name(m, entry);
	node->reaped = true;
	return NULL;
}
