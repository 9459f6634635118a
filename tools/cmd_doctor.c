/* SPDX-License-Identifier: MIT */

/* spoolctl doctor: looks at what spoolfs needs and can use, changes nothing. */

#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "doctor.h"
#include "usage.h"

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
