/* SPDX-License-Identifier: MIT */
#include "ops/debug_page.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "host/pulse.h"

#define POSITION_BITS 56
#define POSITION_MAX ((UINT64_C(1) << POSITION_BITS) - 1)
#define RINGS_MAX 65536u /* more CPUs than Linux knows (NR_CPUS is 8,192 at most) */

bool debug_page_add(struct debug_page *page, const char *format, ...)
{
	size_t left = page->size - page->used;
	va_list args;
	int n;

	assert(page->used < page->size);
	va_start(args, format);
	n = vsnprintf(page->text + page->used, left, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= left)
		return false;
	page->used += (size_t)n;
	return true;
}

uint64_t debug_cursor(unsigned int section, uint64_t position)
{
	return (uint64_t)section << POSITION_BITS | position;
}

/* The last position of a section. */
static uint64_t position_max(unsigned int section)
{
	switch (section) {
	case DEBUG_MOUNT:
		return 0;
	case DEBUG_THREADS:
		return SPOOL_PULSES;
	case DEBUG_RINGS:
		return RINGS_MAX;
	case DEBUG_PAYERS:
		return (uint64_t)UINT32_MAX + 1;
	default:
		return POSITION_MAX;
	}
}

bool debug_cursor_parse(uint64_t cursor, unsigned int *ret_section, uint64_t *ret_position)
{
	unsigned int section = (unsigned int)(cursor >> POSITION_BITS);
	uint64_t position = cursor & POSITION_MAX;

	if (section >= DEBUG_SECTIONS || position > position_max(section))
		return false;
	*ret_section = section;
	*ret_position = position;
	return true;
}
