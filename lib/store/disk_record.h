/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The record of a block on the disk, what is known of it in RAM: where it is, and how to tell that
 * it is intact. The map of its file holds a reference, and so does each fetch under way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spill/disk_slots.h"
#include "spill/seal.h"
#include "util/units.h"

struct spool_disk;

/* Pieces of a block, and pages of a piece */
#define BLOCK_PIECES (SPOOL_BLOCK_SIZE / SPOOL_PIECE_SIZE)
#define PIECE_PAGES (SPOOL_PIECE_SIZE / SPOOL_PAGE_SIZE)

/*
 * Each quarter of the block that has pages is a piece of its own: from its first such page to its
 * last, with zeros for pages between them that have no data.
 */
struct spool_disk_record {
	_Atomic uint32_t refs;
	uint32_t end; /* bytes of the block from here on are zeros; the object's lock */
	spool_disk_slot_t slot;
	uint64_t over;   /* the object's lock; pages that lie over it, see object_internal.h */
	uint16_t stored; /* pages with data when it was written; the map's word has those left */
	uint8_t n_pieces;
	bool unreadable; /* the object's lock; write-back has found that it cannot be read */
	struct spool_disk_record_piece {
		uint64_t nonce;
		uint8_t tag[SPOOL_TAG_SIZE];
	} pieces[]; /* of the quarters that have any, in order */
};

/** spool_disk_record_put() - gives one reference back; with the last its disk slot goes. Locks:
 * takes that of the disk slots; files and what ranks before them may be locked. */
void spool_disk_record_put(struct spool_disk *disk, struct spool_disk_record *record);

/**
 * spool_disk_record_span() - the bytes of quarter @i of a block with pages @stored that go to the
 * disk
 * Return: their number, 0 when the quarter has none; *@ret_from is where in the block they begin.
 */
unsigned int spool_disk_record_span(unsigned int stored, unsigned int i, unsigned int *ret_from);

/** spool_disk_record_bytes() - the size of a record with @n_pieces. */
size_t spool_disk_record_bytes(unsigned int n_pieces);
