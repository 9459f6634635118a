/* SPDX-License-Identifier: MIT */

/* spoolctl why: why a file lives, and when it goes. */

#include <stdio.h>

#include "common/json.h"
#include "common/usage.h"
#include "ctl/proto.h"
#include "spoolctl/cmd.h"
#include "spoolctl/file_text.h"
#include "spoolctl/life_call.h"
#include "spoolctl/life_text.h"
#include "spoolctl/why_process.h"
#include "util/text.h"

static void json_why(struct json *json, const char *path, const struct spool_ctl_life *life)
{
	char text[128];

	json_open(json, NULL, '{');
	json_string(json, "path", path);
	json_string(json, "type", file_type(life->mode));
	json_number(json, "ino", life->ino);
	json_number(json, "uid", life->uid);
	json_string(json, "lifetime", file_lifetime(life->lifetime));
	json_number(json, "session", life->session);
	json_number(json, "bound", life->bound);
	json_bool(json, "open", life->flags & SPOOL_CTL_LIFE_OPEN);
	json_bool(json, "over", life->flags & SPOOL_CTL_LIFE_ENDED);
	json_limit(json, "linger_ms", life->linger_ms);
	json_string(json, "waits_for", life->waits_for);
	json_string(json, "why", life_text(life, text, sizeof(text)));
	json_close(json, '}');
}

static void print_why(const char *path, const struct spool_ctl_life *life)
{
	char text[128];

	spool_text_put(stdout, path);
	printf(": lifetime %s; it %s", file_lifetime(life->lifetime),
	       life_text(life, text, sizeof(text)));
	if (*life->waits_for) {
		fputs(": ", stdout);
		spool_text_put(stdout, life->waits_for);
	}
	putchar('\n');
}

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"mount", required_argument, NULL, 'm'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: why",
	.help = "usage: spoolctl why [--json] [--mount MOUNT] [--] PATH|PID...\n"
		"Why each PATH lives and when it goes. It may be a file of any kind; a symbolic "
		"link\n"
		"is not followed. For the owner of a file, and for root.\n"
		"A number that is no file is a process: in which session is what it makes in "
		"MOUNT\n"
		"(any directory of a mount, else the working directory), and why.",
	.allowed = "[--json] [--mount MOUNT] [--] PATH|PID...",
	.short_options = ":",
	.long_options = long_options,
};

/* Return: an exit status. */
static int show(const char *path, struct json *json)
{
	struct spool_ctl_life life;
	int error = life_ask(path, &life);

	if (error) {
		fputs("spoolctl: why: ", stderr);
		spool_text_put(stderr, path);
		fprintf(stderr, ": %s\n", life_reason(path, error));
		return EXIT_FAILED;
	}
	if (json)
		json_why(json, path, &life);
	else
		print_why(path, &life);
	return EXIT_OK;
}

int cmd_why(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true}, *to = NULL;
	const char *mount = ".";
	int r = EXIT_OK, option;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option == 'j')
			to = &json;
		else if (option == 'm')
			mount = optarg;
		else
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
	}
	if (optind == argc)
		return usage_error(&usage, NULL, "no path or process");
	if (to)
		json_open(to, NULL, '[');
	for (int i = optind; i < argc; i++) {
		int status = why_is_process(argv[i]) ? why_process(argv[i], mount, to)
						     : show(argv[i], to);

		if (status != EXIT_OK)
			r = EXIT_FAILED;
	}
	if (to) {
		json_close(to, ']');
		putchar('\n');
	}
	return r;
}
