/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The units of file data. Space is counted in pages, which are what the kernel's page cache and
 * its requests are made of. A file's map, the pool's chunks and the slots on the disk all have one
 * size, the block: a block of a file fits into one of each.
 */

#define SPOOL_PAGE_SHIFT 12
#define SPOOL_PAGE_SIZE (1u << SPOOL_PAGE_SHIFT) /* bytes */

#define SPOOL_BLOCK_SHIFT 16
#define SPOOL_BLOCK_SIZE (1u << SPOOL_BLOCK_SHIFT) /* bytes */
#define SPOOL_BLOCK_PAGES (SPOOL_BLOCK_SIZE / SPOOL_PAGE_SIZE)
