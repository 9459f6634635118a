/* SPDX-License-Identifier: MIT */

/* spoolctl session: the sessions of a mount. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/cmd.h"
#include "spoolctl/session_call.h"
#include "spoolctl/session_options.h"
#include "spoolctl/sessions.h"
#include "util/macros.h"

static void json_session(struct json *json, const struct spool_ctl_session *session)
{
	json_open(json, NULL, '{');
	json_number(json, "id", session->id);
	json_string(json, "kind", spool_ctl_shown(SPOOL_CTL_SESSION_KINDS, session->kind));
	json_bool(json, "explicit", session->is_explicit);
	json_number(json, "value", session->value);
	session_json_place(json, session);
	json_number(json, "uid", session->owner);
	json_number(json, "files", session->entries);
	json_number(json, "members", session->members);
	json_number(json, "pid", (uint64_t)session->member);
	json_string(json, "state", spool_ctl_shown(SPOOL_CTL_SESSION_STATES, session->state));
	json_number(json, "since", (uint64_t)session->since);
	json_close(json, '}');
}

static void print_session(const struct spool_ctl_session *session)
{
	time_t since = (time_t)session->since;
	struct tm tm;
	char when[32] = "-";

	if (localtime_r(&since, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	printf("%8" PRIu64 " %10u %8" PRIu64 " %7u %8d %-9s %s  %s%s ", session->id, session->owner,
	       session->entries, session->members, session->member,
	       spool_ctl_shown(SPOOL_CTL_SESSION_STATES, session->state), when,
	       session->is_explicit ? "explicit " : "",
	       spool_ctl_shown(SPOOL_CTL_SESSION_KINDS, session->kind));
	session_put_place(session);
	putchar('\n');
}

static void begin(struct json *json)
{
	if (json)
		json_open(json, NULL, '[');
	else
		printf("%8s %10s %8s %7s %8s %-9s %-19s  %s\n", "session", "uid", "files",
		       "members", "pid", "state", "since", "what it is");
}

struct listing {
	struct json *json; /* NULL: for people */
	bool begun;
};

static void list_page(void *ctx, const struct spool_ctl_sessions *page)
{
	struct listing *listing = ctx;

	if (!listing->begun)
		begin(listing->json);
	listing->begun = true;
	for (uint32_t i = 0; i < page->count; i++) {
		if (listing->json)
			json_session(listing->json, &page->sessions[i]);
		else
			print_session(&page->sessions[i]);
	}
}

/* Return: 0; an errno. */
static int list(const char *path, struct json *json)
{
	struct listing listing = {.json = json};
	spool_cleanup(fd) int fd = reach_mount(path, true);
	int r;

	if (fd < 0)
		return -fd;
	r = sessions_ask(fd, list_page, &listing);
	if (r < 0)
		return -r;
	if (json) {
		json_close(json, ']');
		putchar('\n');
	}
	return 0;
}

static int show(const struct session_options *options)
{
	struct json json = {.out = stdout, .first = true};
	int error = list(options->path, options->json ? &json : NULL);

	if (!error)
		return EXIT_OK;
	return usage_failed("spoolctl: session", options->path, spool_ctl_reason(error));
}

int cmd_session(int argc, char *argv[])
{
	static int (*const fns[])(const struct session_options *options) = {
		[SESSION_LIST] = show,
		[SESSION_BEGIN] = session_begin,
		[SESSION_END] = session_end,
	};
	struct session_options options;
	int r = session_parse(argc, argv, &options);

	if (r)
		return r == 'h' ? EXIT_OK : EXIT_USAGE;
	return fns[options.verb](&options);
}
