/* SPDX-License-Identifier: MIT */
#include "options/line.h"

#include <errno.h>
#include <stdlib.h>

#include "util/text.h"

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
	if (fclose(line->out) == 0 && line->size > 0) {
		if (line->text[line->size - 1] == '\n')
			line->text[line->size - 1] = '\0';
		spool_text_put(errors, line->text);
		putc('\n', errors);
	}
	free(line->text);
}
