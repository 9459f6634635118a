/* SPDX-License-Identifier: MIT */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

void finding(struct doctor *doctor, const char *state, const char *what, const char *mend,
	     const char *fmt, ...)
{
	char fact[1024]; /* longer ones are cut; most hold a path and a few words */
	va_list args;

	va_start(args, fmt);
	vsnprintf(fact, sizeof(fact), fmt, args);
	va_end(args);
	if (!doctor->json) {
		printf("%-8s %s: ", state, what);
		spool_text_put(stdout, fact);
		printf(".%s%s\n", mend ? " " : "", mend ? mend : "");
		return;
	}
	json_open(doctor->json, NULL, '{');
	json_string(doctor->json, "state", state);
	json_string(doctor->json, "what", what);
	json_string(doctor->json, "fact", fact);
	if (mend)
		json_string(doctor->json, "mend", mend);
	json_close(doctor->json, '}');
}

bool first_line(const char *path, char *buf, int size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(buf, size, file);

	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	if (file)
		fclose(file);
	return ok;
}
