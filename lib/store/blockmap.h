/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A sparse array of 64-bit words: block index -> what is known of the block. 0 is a hole.
 *
 * A radix tree with 64 entries a node, only as high as the largest index needs; the word of
 * index 0 alone needs no node at all. Every operation takes O(height), at most 8 steps. Growing
 * and setting are separate, so that a caller can make sure of everything that may fail before it
 * changes anything. The owner's lock protects a map.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_host;

#define SPOOL_BLOCKMAP_MAX (((uint64_t)1 << 48) - 1) /* largest index: 64^8 entries */

struct spool_blockmap {
	uint64_t root;       /* height 0: the word of index 0; else a node's address */
	unsigned int height; /* levels of nodes */
	uint64_t n_nodes;
};

/** spool_blockmap_init() - an empty map: all zeros. */
void spool_blockmap_init(struct spool_blockmap *map);

/** spool_blockmap_fini() - free all nodes. The caller gives back before what the words stand for.
 */
void spool_blockmap_fini(struct spool_blockmap *map, const struct spool_host *host);

/** spool_blockmap_get() - the word of @index, 0 for a hole. */
uint64_t spool_blockmap_get(const struct spool_blockmap *map, uint64_t index);

/** spool_blockmap_missing() - bytes of nodes that spool_blockmap_grow() would allocate. */
size_t spool_blockmap_missing(const struct spool_blockmap *map, uint64_t index);

/**
 * spool_blockmap_grow() - make room for a word at @index
 * Return: 0; -ENOMEM with nothing changed. A caller that then does not set it calls
 * spool_blockmap_set() with 0.
 */
int spool_blockmap_grow(struct spool_blockmap *map, const struct spool_host *host, uint64_t index);

/** spool_blockmap_set() - set @index, which was grown; 0 makes a hole and frees empty nodes. */
void spool_blockmap_set(struct spool_blockmap *map, const struct spool_host *host, uint64_t index,
			uint64_t word);

/** spool_blockmap_next() - the first word that is no hole at or after @from. Return: false if none.
 */
bool spool_blockmap_next(const struct spool_blockmap *map, uint64_t from, uint64_t *ret_index,
			 uint64_t *ret_word);

/** spool_blockmap_bytes() - memory of all nodes. */
size_t spool_blockmap_bytes(const struct spool_blockmap *map);
