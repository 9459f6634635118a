/* SPDX-License-Identifier: MIT */
#include "store/blockmap.h"

#include <assert.h>
#include <errno.h>

#include "util/host.h"

#define FANOUT_BITS 6
#define FANOUT (1u << FANOUT_BITS)
#define LEVELS_MAX 8u

/* A node of level 1 holds words; above, addresses of nodes one level down. */
struct node {
	uint64_t slots[FANOUT];
	unsigned int n_used;
};

static struct node *to_node(uint64_t word)
{
	return (struct node *)(uintptr_t)word;
}

static uint64_t from_node(struct node *node)
{
	return (uint64_t)(uintptr_t)node;
}

static unsigned int digit(uint64_t index, unsigned int level)
{
	return (unsigned int)(index >> (FANOUT_BITS * (level - 1))) & (FANOUT - 1);
}

/* Levels of nodes that reach @index. */
static unsigned int height_for(uint64_t index)
{
	unsigned int height = 0;

	while (index > 0) {
		index >>= FANOUT_BITS;
		height++;
	}
	return height;
}

static bool reaches(const struct spool_blockmap *map, uint64_t index)
{
	return height_for(index) <= map->height;
}

void spool_blockmap_init(struct spool_blockmap *map)
{
	*map = (struct spool_blockmap){0};
}

static void free_nodes(const struct spool_host *host, struct node *node, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < FANOUT; i++) {
		if (node->slots[i]) /* bounded: at most LEVELS_MAX deep */
			free_nodes(host, to_node(node->slots[i]), level - 1);
	}
	spool_free(host, node);
}

void spool_blockmap_fini(struct spool_blockmap *map, const struct spool_host *host)
{
	if (map->height > 0 && map->root)
		free_nodes(host, to_node(map->root), map->height);
	spool_blockmap_init(map);
}

uint64_t spool_blockmap_get(const struct spool_blockmap *map, uint64_t index)
{
	uint64_t word = map->root;

	if (!reaches(map, index))
		return 0;
	for (unsigned int level = map->height; level > 0 && word; level--)
		word = to_node(word)->slots[digit(index, level)];
	return word;
}

size_t spool_blockmap_missing(const struct spool_blockmap *map, uint64_t index)
{
	unsigned int height = height_for(index);
	unsigned int missing = 0;
	uint64_t word = map->root;

	if (height > map->height) {
		/* The new top leads to the old root through slot 0 and to @index through another.
		 */
		missing = word ? height - map->height + height - 1 : height;
		return missing * sizeof(struct node);
	}
	for (unsigned int level = map->height; level > 0; level--) {
		if (!word)
			missing++;
		else
			word = to_node(word)->slots[digit(index, level)];
	}
	return missing * sizeof(struct node);
}

/* Puts nodes above the root until @height is reached. The nodes come from @spare. */
static void raise(struct spool_blockmap *map, unsigned int height, struct node **spare)
{
	while (map->height < height) {
		if (map->root) {
			struct node *top = *spare;

			*spare = to_node(top->slots[0]);
			top->slots[0] = map->root;
			top->n_used = 1;
			map->root = from_node(top);
			map->n_nodes++;
		}
		map->height++;
	}
}

int spool_blockmap_grow(struct spool_blockmap *map, const struct spool_host *host, uint64_t index)
{
	size_t n = spool_blockmap_missing(map, index) / sizeof(struct node);
	struct node *spare = NULL; /* a list through slots[0] */
	struct node *above = NULL;
	uint64_t *at;

	assert(index <= SPOOL_BLOCKMAP_MAX && n <= 2 * LEVELS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct node *node = spool_alloc(host, sizeof(*node));

		if (!node)
			goto undo;
		node->slots[0] = from_node(spare);
		spare = node;
	}
	raise(map, height_for(index), &spare);
	at = &map->root;
	for (unsigned int level = map->height; level > 0; level--) {
		if (!*at) {
			struct node *node = spare;

			spare = to_node(node->slots[0]);
			node->slots[0] = 0;
			*at = from_node(node);
			if (above)
				above->n_used++;
			map->n_nodes++;
		}
		above = to_node(*at);
		at = &above->slots[digit(index, level)];
	}
	assert(!spare);
	return 0;
undo:
	while (spare) {
		struct node *node = spare;

		spare = to_node(node->slots[0]);
		spool_free(host, node);
	}
	return -ENOMEM;
}

/*
 * Removes nodes from the top while they lead to lower indices only. So the height and the nodes of
 * a map depend on its content alone, and undoing a change gives its memory back as well.
 */
static void lower(struct spool_blockmap *map, const struct spool_host *host)
{
	while (map->height > 0) {
		struct node *top = to_node(map->root);

		if (top->n_used != 1 || !top->slots[0])
			return;
		map->root = top->slots[0];
		map->height--;
		map->n_nodes--;
		spool_free(host, top);
	}
}

/* Frees the empty nodes on the way to @index, from the bottom, and then what is left on top. */
static void prune(struct spool_blockmap *map, const struct spool_host *host, uint64_t index)
{
	struct node *path[LEVELS_MAX + 1];
	unsigned int lowest = map->height;
	uint64_t word = map->root;

	for (unsigned int level = map->height; level > 0 && word; level--) {
		path[level] = to_node(word);
		lowest = level;
		word = to_node(word)->slots[digit(index, level)];
	}
	for (unsigned int level = lowest; level <= map->height && map->root; level++) {
		if (path[level]->n_used > 0)
			break;
		spool_free(host, path[level]);
		map->n_nodes--;
		if (level == map->height) {
			map->root = 0;
		} else {
			path[level + 1]->slots[digit(index, level + 1)] = 0;
			path[level + 1]->n_used--;
		}
	}
	if (!map->root)
		map->height = 0;
	lower(map, host);
}

void spool_blockmap_set(struct spool_blockmap *map, const struct spool_host *host, uint64_t index,
			uint64_t word)
{
	struct node *node = NULL;
	uint64_t *at = &map->root;

	if (!reaches(map, index)) {
		assert(word == 0);
		return;
	}
	for (unsigned int level = map->height; level > 0; level--) {
		node = to_node(*at);
		if (!node) {
			assert(word == 0);
			return;
		}
		at = &node->slots[digit(index, level)];
	}
	if (node)
		node->n_used += (unsigned int)(word != 0) - (unsigned int)(*at != 0);
	*at = word;
	if (word == 0 && map->height > 0)
		prune(map, host, index);
}

/* The first word at or after @from below @node. Bounded: at most LEVELS_MAX deep. */
static bool next_below(const struct node *node, unsigned int level, uint64_t from,
		       uint64_t *ret_index, uint64_t *ret_word)
{
	unsigned int first = digit(from, level);

	for (unsigned int i = first; i < FANOUT; i++) {
		uint64_t rest =
			i == first ? from & (((uint64_t)1 << (FANOUT_BITS * (level - 1))) - 1) : 0;

		if (!node->slots[i])
			continue;
		if (level == 1) {
			*ret_index = i;
			*ret_word = node->slots[i];
			return true;
		}
		if (next_below(to_node(node->slots[i]), level - 1, rest, ret_index, ret_word)) {
			*ret_index |= (uint64_t)i << (FANOUT_BITS * (level - 1));
			return true;
		}
	}
	return false;
}

bool spool_blockmap_next(const struct spool_blockmap *map, uint64_t from, uint64_t *ret_index,
			 uint64_t *ret_word)
{
	if (!map->root || !reaches(map, from))
		return false;
	if (map->height == 0) {
		*ret_index = 0;
		*ret_word = map->root;
		return true;
	}
	return next_below(to_node(map->root), map->height, from, ret_index, ret_word);
}

size_t spool_blockmap_bytes(const struct spool_blockmap *map)
{
	return map->n_nodes * sizeof(struct node);
}
