/* SPDX-License-Identifier: MIT */

/* spoolctl doctor: looks at what spoolfs needs and can use, changes nothing. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "doctor.h"

void finding(struct doctor *doctor, const char *state, const char *what, const char *mend,
	     const char *fmt, ...)
{
	char fact[1024]; /* longer ones are cut; most hold a path and a few words */
	va_list args;

	va_start(args, fmt);
	vsnprintf(fact, sizeof(fact), fmt, args);
	va_end(args);
	if (!doctor->json) {
		printf("%-8s %s: %s.%s%s\n", state, what, fact, mend ? " " : "", mend ? mend : "");
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

int cmd_doctor(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true};
	struct doctor doctor = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			puts("usage: spoolctl doctor [--json]\n"
			     "What this machine offers and lacks, and how to mend it. Ends with 1\n"
			     "when this user cannot mount a spoolfs here.");
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--json") != 0) {
			fprintf(stderr, "spoolctl: doctor: %s: not expected (allowed: --json)\n",
				argv[i]);
			return EXIT_USAGE;
		}
		doctor.json = &json;
	}
	if (doctor.json)
		json_open(&json, NULL, '[');
	doctor_fuse(&doctor);
	doctor_system(&doctor);
	if (doctor.json) {
		json_close(&json, ']');
		putchar('\n');
	}
	return doctor.cannot_mount ? EXIT_FAILED : EXIT_OK;
}
