/* SPDX-License-Identifier: MIT */

/* spoolctl doctor: looks at what spoolfs needs and can use, changes nothing. */

#include <stdio.h>

#include "common/usage.h"
#include "doctor/doctor.h"
#include "spoolctl/cmd.h"

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: doctor",
	.help = "usage: spoolctl doctor [--json]\n"
		"What this machine offers and lacks, and how to mend it. Ends with 1\n"
		"when this user cannot mount a spoolfs here.",
	.allowed = "--json",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_doctor(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true};
	struct doctor doctor = {0};
	int option;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option != 'j')
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
		doctor.json = &json;
	}
	if (optind < argc)
		return usage_error(&usage, argv[optind], "not expected");
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
