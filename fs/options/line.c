/* SPDX-License-Identifier: MIT */
#include "options/line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* ASCII's, and U+0080 to U+009F, which are c2 80 to c2 9f in UTF-8.
 * @text: has a NUL at its end; @i: which byte is asked for */
static bool is_control(const char *text, size_t i)
{
	const unsigned char *at = (const unsigned char *)text + i;

	if (*at == 0xc2)
		return at[1] >= 0x80 && at[1] <= 0x9f;
	if (*at >= 0x80 && *at <= 0x9f)
		return i > 0 && at[-1] == 0xc2;
	return *at < 0x20 || *at == 0x7f;
}

int options_line_begin(struct options_line *line, FILE *errors)
{
	*line = (struct options_line){0};
	line->out = open_memstream(&line->text, &line->size);
	if (line->out)
		return 0;
	fprintf(errors, "spoolfs: no memory for the options\n");
	return -ENOMEM;
}

void options_line_end(struct options_line *line, FILE *errors)
{
	if (fclose(line->out) != 0)
		line->size = 0;
	for (size_t i = 0; i < line->size; i++) {
		bool is_end = line->text[i] == '\n' && i + 1 == line->size;

		if (!is_end && is_control(line->text, i))
			fprintf(errors, "\\%03o", (unsigned char)line->text[i]);
		else
			putc(line->text[i], errors);
	}
	free(line->text);
}
