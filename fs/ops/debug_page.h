/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One page of the text that `spoolctl debug` prints, and where the next one goes on.
 *
 * The text has sections, and a section has lines in an order that stays: by a number that only goes
 * up, or by index. So a cursor is a section and the position of the last line in it, and each line
 * is shown once, whatever comes and goes between two pages.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/proto.h"

/** enum debug_section - DEBUG_QUEUE is the first of SPOOL_CTL_WAITING_N */
enum debug_section {
	DEBUG_MOUNT,
	DEBUG_QUEUE,
	DEBUG_THREADS = DEBUG_QUEUE + SPOOL_CTL_WAITING_N,
	DEBUG_RINGS,
	DEBUG_PAYERS,
	DEBUG_SECTIONS,
};

/** struct debug_page - @text: @size bytes, @used of them */
struct debug_page {
	char *text;
	size_t size, used;
};

/** debug_page_add() - one more line. Return: false, with nothing added: it does not fit. */
__attribute__((format(printf, 2, 3))) bool debug_page_add(struct debug_page *page,
							  const char *format, ...);

/** debug_cursor() - the cursor behind @position of @section. Position 0 is its beginning. */
uint64_t debug_cursor(unsigned int section, uint64_t position);

/**
 * debug_cursor_parse() - where @cursor, which may be anything, points to
 * Return: false: at no place that debug_cursor() can have meant.
 */
bool debug_cursor_parse(uint64_t cursor, unsigned int *ret_section, uint64_t *ret_position);
