/* SPDX-License-Identifier: MIT */
#include "spoolctl/session_options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/usage.h"
#include "ctl/names.h"
#include "ctl/proto.h"

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},         {"login", required_argument, NULL, 'l'},
	{"cgroup", required_argument, NULL, 'c'}, {"dir", required_argument, NULL, 'd'},
	{"holder", required_argument, NULL, 'p'}, {"uid", required_argument, NULL, 'u'},
	{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: session",
	.help = "usage: spoolctl session [--json] list [MOUNT]\n"
		"       spoolctl session [--json] begin --login ID|--cgroup PATH\n"
		"                [--holder PID] [--uid UID] [MOUNT]\n"
		"       spoolctl session [--json] begin --dir PATH [--holder PID] [--uid UID]\n"
		"       spoolctl session end ID [MOUNT]\n"
		"MOUNT is a mount point or any directory below; else the working directory.\n"
		"list: whose each session is, how many files go with it, and what it is. Root "
		"sees\n"
		"  all, others see their own.\n"
		"begin: prints the number of a new session. Files belong to it that are made by\n"
		"  processes with the audit session ID (/proc/PID/sessionid), or in the cgroup "
		"PATH\n"
		"  (/proc/PID/cgroup) or below it, or by anybody below the directory PATH.\n"
		"  With --holder it ends with the process PID. --uid, for root: in that user's "
		"trees.\n"
		"end: its files go; waits until they have, and tells how many stay.",
	.allowed = "[--json] list [MOUNT], [--json] begin --login ID|--cgroup PATH [--holder PID] "
		   "[--uid UID] [MOUNT], [--json] begin --dir PATH [--holder PID] [--uid UID], "
		   "end ID [MOUNT]",
	.short_options = ":",
	.long_options = long_options,
};

const struct usage *session_usage(void)
{
	return &usage;
}

/* Decimal digits only. Return: false: it is none from @min to @max. */
static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret >= min && *ret <= max;
}

static int wrong(const char *value, const char *what)
{
	usage_error(&usage, value, what);
	return '?';
}

static int set_kind(struct session_options *options, const char *name)
{
	if (options->kind != SPOOL_CTL_UNKNOWN)
		return wrong(NULL, "more than one of --login, --cgroup and --dir");
	options->kind = (uint32_t)spool_ctl_number(SPOOL_CTL_SESSION_KINDS, name);
	return 0;
}

/* Return: 0; '?'. */
static int take(struct session_options *options, int option)
{
	uint64_t number = 0;

	switch (option) {
	case 'j':
		options->json = true;
		return 0;
	case 'l':
		if (!parse_number(optarg, 0, UINT32_MAX - 1, &number))
			return wrong(optarg, "no audit session");
		options->audit = (uint32_t)number;
		return set_kind(options, "login");
	case 'c':
		if (strlen(optarg) >= sizeof(((struct spool_ctl_begin *)NULL)->cgroup) ||
		    optarg[0] != '/' || optarg[1] == '\0')
			return wrong(optarg, "no cgroup");
		options->cgroup = optarg;
		return set_kind(options, "cgroup");
	case 'd':
		options->path = optarg;
		return set_kind(options, "directory");
	case 'p':
		if (!parse_number(optarg, 1, INT_MAX, &number))
			return wrong(optarg, "no process");
		options->holder = (pid_t)number;
		return 0;
	default:
		if (!parse_number(optarg, 0, UINT32_MAX - 1, &number))
			return wrong(optarg, "no uid");
		options->uid = (uint32_t)number;
		return 0;
	}
}

static int take_verb(struct session_options *options, const char *verb)
{
	static const char *const verbs[] = {"list", "begin", "end"};
	bool begins = options->kind != SPOOL_CTL_UNKNOWN || options->holder ||
		      options->uid != SPOOL_CTL_UNKNOWN;

	for (int i = 0; i < 3; i++) {
		if (strcmp(verb, verbs[i]) != 0)
			continue;
		options->verb = (enum session_verb)i;
		if (options->json && i == SESSION_END)
			return wrong("--json", "not expected");
		if (begins && i != SESSION_BEGIN)
			return wrong(verb, "takes no options");
		if (i == SESSION_BEGIN && options->kind == SPOOL_CTL_UNKNOWN)
			return wrong(NULL, "none of --login, --cgroup and --dir");
		return 0;
	}
	return wrong(verb, "not expected");
}

int session_parse(int argc, char *argv[], struct session_options *ret)
{
	int option, r;

	*ret = (struct session_options){
		.kind = SPOOL_CTL_UNKNOWN, .uid = SPOOL_CTL_UNKNOWN, .cgroup = ""};
	while ((option = usage_next(&usage, argc, argv)) != -1) {
		r = option == 'h' || option == '?' ? option : take(ret, option);
		if (r)
			return r;
	}
	if (optind == argc)
		return wrong(NULL, "nothing to do");
	r = take_verb(ret, argv[optind++]);
	if (r)
		return r;
	if (ret->verb == SESSION_END && optind == argc)
		return wrong(NULL, "no session");
	if (ret->verb == SESSION_END && !parse_number(argv[optind], 1, UINT64_MAX, &ret->id))
		return wrong(argv[optind], "no session");
	optind += ret->verb == SESSION_END;
	if (optind < argc && !ret->path)
		ret->path = argv[optind++];
	if (optind < argc)
		return wrong(argv[optind], "not expected");
	if (!ret->path)
		ret->path = ".";
	return 0;
}
