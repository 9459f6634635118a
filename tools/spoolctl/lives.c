/* SPDX-License-Identifier: MIT */
#include "spoolctl/lives.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json.h"
#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/sessions.h"

static void count(void *ctx, const struct spool_ctl_sessions *page)
{
	int over = spool_ctl_number(SPOOL_CTL_SESSION_STATES, "over");
	struct lives *lives = ctx;

	lives->sessions += page->count;
	for (uint32_t i = 0; i < page->count; i++)
		lives->over += (int)page->sessions[i].state == over;
}

int lives_ask(int fd, struct lives *ret)
{
	int r;

	*ret = (struct lives){.told.version = SPOOL_CTL_VERSION};
	r = spool_ctl_call(fd, SPOOL_IOC_LIVES, &ret->told);
	return r < 0 ? r : sessions_ask(fd, count, ret);
}

void lives_json(struct json *json, const struct lives *lives)
{
	const struct spool_ctl_lives *told = &lives->told;

	json_open(json, "life", '{');
	json_string(json, "lifetime", spool_ctl_shown(SPOOL_CTL_LIFETIMES, told->lifetime));
	json_number(json, "linger", told->linger);
	json_string(json, "session", spool_ctl_shown(SPOOL_CTL_SESSION_MODES, told->session));
	json_number(json, "grace", told->grace);
	json_string(json, "processes", told->source);
	json_number(json, "sessions", lives->sessions);
	json_number(json, "sessions_over", lives->over);
	json_number(json, "removed", told->removed);
	json_number(json, "removed_failed", told->failed);
	json_number(json, "removed_untold", told->untold);
	json_number(json, "directories_waiting", told->waiting);
	json_number(json, "lingering", told->lingering);
	json_close(json, '}');
}

void lives_print(const struct lives *lives, bool admin)
{
	const struct spool_ctl_lives *told = &lives->told;

	printf("  %-12s %s, session %s, grace %u s, linger %u s\n", "lifetime",
	       spool_ctl_shown(SPOOL_CTL_LIFETIMES, told->lifetime),
	       spool_ctl_shown(SPOOL_CTL_SESSION_MODES, told->session), told->grace, told->linger);
	printf("  %-12s %8" PRIu64 "%s, %" PRIu64 " of them over; processes known by %s\n",
	       "sessions", lives->sessions, admin ? "" : " of yours", lives->over, told->source);
	if (!admin)
		return;
	printf("  %-12s %8" PRIu64 " names by themselves; %" PRIu64
	       " directories wait to be empty, %" PRIu64 " closed files linger\n",
	       "removed", told->removed, told->waiting, told->lingering);
	if (told->untold)
		printf("  %-12s %8" PRIu64 " of them the kernel could not be told\n", "",
		       told->untold);
}
