/* SPDX-License-Identifier: MIT */
#include "hook/say.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/text.h"

/* A line of ours is shorter. A guess. */
#define LINE 1024

int hook_refuse(FILE *errors, const char *what, const char *value, const char *why)
{
	fputs("spoolfs-oci-hook: ", errors);
	if (what)
		fprintf(errors, "%s: ", what);
	if (value) {
		spool_text_put(errors, value);
		fputs(": ", errors);
	}
	fprintf(errors, "%s\n", why);
	return -1;
}

int hook_hold_lines(void)
{
	spool_cleanup(fd) int lines = memfd_create("spoolfs-oci-hook", MFD_CLOEXEC);
	int shown = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (lines < 0 || shown < 0 || dup2(lines, STDERR_FILENO) < 0)
		return spool_close(shown);
	return shown;
}

void hook_show_lines(int held, bool failed)
{
	FILE *lines = fdopen(dup(STDERR_FILENO), "r");
	char line[LINE];

	if (held < 0 || !lines)
		return;
	rewind(lines);
	dup2(held, STDERR_FILENO);
	close(held);
	openlog("spoolfs-oci-hook", LOG_PID, LOG_DAEMON);
	while (fgets(line, sizeof(line), lines)) {
		fputs(line, stderr);
		if (failed)
			syslog(LOG_ERR, "%s", line);
	}
	fclose(lines);
}
