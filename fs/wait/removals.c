/* SPDX-License-Identifier: MIT */
#include "wait/removals.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/sys/queue.h>

#include "host/clock.h"
#include "util/lock.h"
#include "util/macros.h"
#include "util/pace.h"
#include "util/rbtree.h"
#include "wait/payers.h"

/* Names of one payer: 128 bytes each. Only who holds the kernel up gets there, or who has removed
 * more than the kernel can take in the second that we wait then. All payers together may have four
 * times as many, so that users who hold the kernel up cannot use up the machine; beyond that each
 * has room for a 64th. All of them have room in a sixteenth of the RAM. Guesses. */
#define NAMES_MAX 262144u
#define NAMES_OF_ALL 4u
#define NAMES_SOME 64u
#define RAM_OF_NAME (NAMES_OF_ALL * 16u * 128u)
#define WAIT_MS 1000u

/* Of this part of his names each must be told before it is waited as long again for the room of a
 * payer: who lets the kernel take one from time to time would stop all others. A guess: 16,384 of
 * them take the kernel 50 ms. */
#define PARTS 16u

/* Names that one thread tells before others of its turn. The kernel takes one in about 3 us; a
 * guess. */
#define TELL_MAX 256u

#define NS_PER_MS UINT64_C(1000000)

/* @uid: who pays for it; @counted: in the directory that it was in */
struct name {
	TAILQ_ENTRY(name) link;
	struct spool_removal removal;
	uid_t uid;
	bool counted;
	char text[]; /* of it */
};

TAILQ_HEAD(name_list, name);

/* There as long as he has names, or somebody is busy with him. */
struct payer {
	struct payers_entry entry;
	TAILQ_ENTRY(payer) link; /* of those that are to be posted */
	struct name_list names;
	unsigned int n;
	bool is_listed; /* is to be posted */
	bool is_told;   /* a thread is about it */
	bool waits;     /* spool_removals_add() waits for room */
	bool stalled;   /* it did for too long, and too few were told since */
	unsigned int n_told;
	uint64_t waited_ns; /* while @n_told were told */
};

TAILQ_HEAD(payer_list, payer);

/* A directory of which @n names are to be told. Others than who pays for these may pay for its own
 * name, @last, which waits for them: the kernel takes no directory that it knows something in. */
struct directory {
	RB_ENTRY(directory) by_ino;
	uint64_t ino;
	unsigned int n;
	struct name *last;
};

RB_HEAD(directory_tree, directory);

struct spool_removals {
	struct spool_removals_config config;
	struct spool_mutex lock; /* of the following; nothing is called under it */
	struct spool_cond room;
	struct payers payers;
	struct payer_list unposted;
	struct directory_tree directories;
	struct spool_removals_stat stat;
	unsigned int n_wait; /* in spool_removals_add() */
	bool stop;
};

static int compare_directories(const struct directory *a, const struct directory *b)
{
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

SPOOL_RB_GENERATE(directory_tree, directory, by_ino, compare_directories)

static struct name *copy_name(const struct spool_removal *removal)
{
	struct name *name;

	assert(removal->name[removal->len] == '\0');
	name = malloc(sizeof(*name) + removal->len + 1);
	if (!name)
		return NULL;
	memcpy(name->text, removal->name, removal->len + 1);
	name->removal = *removal;
	name->removal.name = name->text;
	name->counted = false;
	return name;
}

static struct payer *look_up_locked(struct spool_removals *removals, uid_t uid)
	SPOOL_REQUIRES(removals->lock)
{
	return payers_find(&removals->payers, uid);
}

/* Return: NULL without memory. */
static struct payer *find_locked(struct spool_removals *removals, uid_t uid)
	SPOOL_REQUIRES(removals->lock)
{
	struct payer *payer;
	bool is_new;

	payer = payers_get(&removals->payers, uid, sizeof(*payer), &is_new);
	if (payer && is_new)
		TAILQ_INIT(&payer->names);
	return payer;
}

static void list_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	if (!payer->is_listed)
		TAILQ_INSERT_TAIL(&removals->unposted, payer, link);
	payer->is_listed = true;
}

static void unlist_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	if (payer->is_listed)
		TAILQ_REMOVE(&removals->unposted, payer, link);
	payer->is_listed = false;
}

static void put_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	if (payer->n > 0 || payer->is_told || payer->waits)
		return;
	assert(TAILQ_EMPTY(&payer->names));
	unlist_locked(removals, payer);
	payers_remove(&removals->payers, &payer->entry);
}

static struct directory *directory_locked(struct spool_removals *removals, uint64_t ino)
	SPOOL_REQUIRES(removals->lock)
{
	struct directory wanted = {.ino = ino};

	return RB_FIND(directory_tree, &removals->directories, &wanted);
}

/* Counts @name in its directory. Without memory the order is left to chance: it is better than not
 * to tell. */
static void enter_locked(struct spool_removals *removals, struct name *name)
	SPOOL_REQUIRES(removals->lock)
{
	struct directory *dir = directory_locked(removals, name->removal.parent);

	if (name->removal.len == 0)
		return;
	if (!dir) {
		dir = calloc(1, sizeof(*dir));
		if (!dir)
			return;
		dir->ino = name->removal.parent;
		RB_INSERT(directory_tree, &removals->directories, dir);
	}
	dir->n++;
	name->counted = true;
}

/* The kernel knows no more of @name: the directory that waits for it may be told. */
static void leave_locked(struct spool_removals *removals, const struct name *name)
	SPOOL_REQUIRES(removals->lock)
{
	struct directory *dir =
		name->counted ? directory_locked(removals, name->removal.parent) : NULL;
	struct payer *payer;

	if (!dir || --dir->n > 0)
		return;
	payer = dir->last ? look_up_locked(removals, dir->last->uid) : NULL;
	if (payer) { /* it has counted as his all the time */
		TAILQ_INSERT_HEAD(&payer->names, dir->last, link);
		list_locked(removals, payer);
	}
	RB_REMOVE(directory_tree, &removals->directories, dir);
	free(dir);
}

/* The next of his that waits for no other, no more in the list. */
static struct name *next_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	struct name *name;

	while ((name = TAILQ_FIRST(&payer->names)) != NULL) {
		struct directory *dir = directory_locked(removals, name->removal.child);

		TAILQ_REMOVE(&payer->names, name, link);
		if (!dir || dir->last)
			return name;
		dir->last = name;
	}
	return NULL;
}

static bool has_room_locked(const struct spool_removals *removals, const struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	const unsigned int max = removals->config.max;

	return payer->n < max && (removals->stat.waiting < (uint64_t)NAMES_OF_ALL * max ||
				  payer->n < max / NAMES_SOME);
}

/* Return: whether there is. */
static bool wait_for_room_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	const uint64_t most = removals->config.wait_ms * NS_PER_MS;

	payer->waits = true;
	removals->n_wait++;
	while (!removals->stop && !payer->stalled && !has_room_locked(removals, payer)) {
		uint64_t begin = spool_clock_ns();

		spool_cond_wait(&removals->room, &removals->lock, begin + most - payer->waited_ns);
		payer->waited_ns += spool_clock_ns() - begin;
		payer->stalled = payer->waited_ns >= most;
		removals->stat.stalls += payer->stalled;
	}
	payer->waits = false;
	removals->n_wait--;
	return has_room_locked(removals, payer);
}

bool spool_removals_add(struct spool_removals *removals, uid_t uid,
			const struct spool_removal *removal)
{
	struct name *name = copy_name(removal);
	struct payer *payer;

	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	payer = name ? find_locked(removals, uid) : NULL;
	if (payer && wait_for_room_locked(removals, payer)) {
		TAILQ_INSERT_TAIL(&payer->names, name, link);
		name->uid = uid;
		enter_locked(removals, name);
		payer->n++;
		removals->stat.waiting++;
		list_locked(removals, payer);
		name = NULL;
	} else {
		removals->stat.left_out++;
		payer = NULL;
	}
	spool_mutex_unlock(&removals->lock);
	free(name);
	return payer;
}

/* Return: whether it could be. Else he stands behind all others. */
static bool post_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	uid_t uid = payer->entry.uid;
	bool posted;

	unlist_locked(removals, payer);
	spool_mutex_unlock(&removals->lock);
	posted = removals->config.post(removals->config.ctx, uid);
	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	payer = posted ? NULL : look_up_locked(removals, uid);
	if (payer)
		list_locked(removals, payer);
	return posted;
}

bool spool_removals_post(struct spool_removals *removals)
{
	const struct payer *payer;
	bool posted = true;
	size_t n = 0;

	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	TAILQ_FOREACH (payer, &removals->unposted, link)
		n++;
	for (; n > 0 && !TAILQ_EMPTY(&removals->unposted); n--)
		posted &= post_locked(removals, TAILQ_FIRST(&removals->unposted));
	spool_mutex_unlock(&removals->lock);
	return posted;
}

/* The kernel has taken one of his. */
static void count_told_locked(struct spool_removals *removals, struct payer *payer)
	SPOOL_REQUIRES(removals->lock)
{
	assert(payer->n > 0 && removals->stat.waiting > 0);
	payer->n--;
	if (++payer->n_told > removals->config.max / PARTS) {
		payer->n_told = 0;
		payer->waited_ns = 0;
		payer->stalled = false;
	}
	removals->stat.waiting--;
	removals->stat.told++;
	if (removals->n_wait > 0)
		spool_cond_wake_all(&removals->room);
}

void spool_removals_tell(struct spool_removals *removals, uid_t uid)
{
	struct spool_pace pace;
	struct payer *payer;
	struct name *name;

	spool_pace_begin(&pace, NULL);
	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	payer = look_up_locked(removals, uid);
	if (!payer || payer->is_told) {
		spool_mutex_unlock(&removals->lock);
		return; /* who is about it posts him again */
	}
	payer->is_told = true;
	for (unsigned int i = 0; i < TELL_MAX && (name = next_locked(removals, payer)); i++) {
		spool_mutex_unlock(&removals->lock);
		removals->config.tell(removals->config.ctx, &name->removal);
		spool_pace_rest(&pace);
		spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
		leave_locked(removals, name);
		count_told_locked(removals, payer);
		free(name);
	}
	payer->is_told = false;
	if (!TAILQ_EMPTY(&payer->names))
		list_locked(removals, payer);
	put_locked(removals, payer);
	spool_mutex_unlock(&removals->lock);
	spool_removals_post(removals);
}

int spool_removals_new(const struct spool_removals_config *config, struct spool_removals **ret)
{
	struct spool_removals *removals = calloc(1, sizeof(*removals));

	if (!removals)
		return -ENOMEM;
	removals->config = *config;
	if (config->max == 0)
		removals->config.max =
			config->ram
				? (unsigned int)spool_min_u64(NAMES_MAX, config->ram / RAM_OF_NAME)
				: NAMES_MAX;
	if (config->wait_ms == 0)
		removals->config.wait_ms = WAIT_MS;
	spool_mutex_init(&removals->lock);
	spool_cond_init(&removals->room);
	RB_INIT(&removals->payers);
	TAILQ_INIT(&removals->unposted);
	RB_INIT(&removals->directories);
	*ret = removals;
	return 0;
}

void spool_removals_stop(struct spool_removals *removals)
{
	if (!removals)
		return;
	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	removals->stop = true;
	spool_cond_wake_all(&removals->room);
	spool_mutex_unlock(&removals->lock);
}

void spool_removals_free(struct spool_removals *removals)
{
	struct directory *dir;
	struct payer *payer;
	struct name *name;

	if (!removals)
		return;
	while ((dir = RB_ROOT(&removals->directories)) != NULL) {
		RB_REMOVE(directory_tree, &removals->directories, dir);
		free(dir->last);
		free(dir);
	}
	while ((payer = payers_from(&removals->payers, 0)) != NULL) {
		assert(!payer->is_told && !payer->waits);
		while ((name = TAILQ_FIRST(&payer->names)) != NULL) {
			TAILQ_REMOVE(&payer->names, name, link);
			free(name);
		}
		payers_remove(&removals->payers, &payer->entry);
	}
	spool_cond_fini(&removals->room);
	spool_mutex_fini(&removals->lock);
	free(removals);
}

void spool_removals_stat(struct spool_removals *removals, struct spool_removals_stat *ret)
{
	spool_mutex_lock(&removals->lock, SPOOL_RANK_QUEUE);
	*ret = removals->stat;
	spool_mutex_unlock(&removals->lock);
}
