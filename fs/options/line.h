/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A line that says what is wrong with an option shows its value, which may come from anybody: from
 * the annotation of a container, and into the system's log. It stays one line, and says nothing to
 * a terminal.
 */

#include <stddef.h>
#include <stdio.h>

/** struct options_line - @out: takes the line; @text, @size: what it has taken, once closed */
struct options_line {
	FILE *out;
	char *text;
	size_t size;
};

/** options_line_begin() - Return: 0; -ENOMEM: @errors has a line that says so, and nothing is to be
 * ended. */
int options_line_begin(struct options_line *line, FILE *errors);

/** options_line_end() - write it to @errors, with all but the newline at its end as by
 * spool_text_put(); nothing if there is none */
void options_line_end(struct options_line *line, FILE *errors);
