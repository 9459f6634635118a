/* SPDX-License-Identifier: MIT */

/* Pages of text, and cursors that come from outside. */

#include <string.h>

#include "host/pulse.h"
#include "ops/debug_page.h"
#include "unit.h"

#define POSITION_BITS 56

static bool parses(uint64_t cursor)
{
	uint64_t position;
	unsigned int section;

	return debug_cursor_parse(cursor, &section, &position);
}

static void whole_lines(void)
{
	char text[9];
	struct debug_page page = {.text = text, .size = sizeof(text)};

	CU_ASSERT_TRUE(debug_page_add(&page, "%d\n", 123));
	CU_ASSERT_FALSE(debug_page_add(&page, "%d\n", 12345)); /* with its NUL one too many */
	CU_ASSERT_EQUAL(page.used, 4);
	CU_ASSERT_TRUE(debug_page_add(&page, "%d\n", 456));
	CU_ASSERT_STRING_EQUAL(text, "123\n456\n");
	CU_ASSERT_FALSE(debug_page_add(&page, "\n"));
	CU_ASSERT_EQUAL(page.used, 8);
}

static void there_and_back(void)
{
	for (unsigned int i = 0; i < DEBUG_SECTIONS; i++) {
		unsigned int section = DEBUG_SECTIONS;
		uint64_t position = i == DEBUG_MOUNT ? 0 : 7, got = 1;

		CU_ASSERT_TRUE(debug_cursor_parse(debug_cursor(i, position), &section, &got));
		CU_ASSERT_EQUAL(section, i);
		CU_ASSERT_EQUAL(got, position);
	}
	CU_ASSERT_EQUAL(debug_cursor(0, 0), 0); /* the beginning */
}

/* Nothing of these was ever handed out. */
static void hostile(void)
{
	const uint64_t last = (UINT64_C(1) << POSITION_BITS) - 1;

	CU_ASSERT_FALSE(parses(UINT64_MAX)); /* the end */
	CU_ASSERT_FALSE(parses(1));
	CU_ASSERT_FALSE(parses(debug_cursor(DEBUG_SECTIONS, 0)));
	CU_ASSERT_FALSE(parses(debug_cursor(255, 0)));
	CU_ASSERT_TRUE(parses(debug_cursor(DEBUG_QUEUE, last)));
	CU_ASSERT_TRUE(parses(debug_cursor(DEBUG_THREADS, SPOOL_PULSES)));
	CU_ASSERT_FALSE(parses(debug_cursor(DEBUG_THREADS, SPOOL_PULSES + 1)));
	CU_ASSERT_FALSE(parses(debug_cursor(DEBUG_RINGS, last)));
	CU_ASSERT_TRUE(parses(debug_cursor(DEBUG_PAYERS, UINT64_C(1) << 32)));
	CU_ASSERT_FALSE(parses(debug_cursor(DEBUG_PAYERS, (UINT64_C(1) << 32) + 1)));
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"whole lines", whole_lines},
		{"there and back", there_and_back},
		{"hostile", hostile},
	};

	return unit_run("debug_page", tests, sizeof(tests) / sizeof(tests[0]));
}
