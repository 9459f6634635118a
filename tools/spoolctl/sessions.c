/* SPDX-License-Identifier: MIT */
#include "spoolctl/sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/names.h"
#include "util/macros.h"
#include "util/text.h"

int sessions_ask(int fd, void (*take)(void *ctx, const struct spool_ctl_sessions *page), void *ctx)
{
	spool_cleanup(free) struct spool_ctl_sessions *page = malloc(sizeof(*page));
	uint64_t cursor = 0;
	int r;

	if (!page)
		return -ENOMEM;
	while (cursor != SPOOL_CTL_END) {
		memset(page, 0, sizeof(*page));
		page->version = SPOOL_CTL_VERSION;
		page->cursor = cursor;
		r = spool_ctl_call(fd, SPOOL_IOC_SESSIONS, page);
		if (r < 0)
			return r;
		if (page->count > SPOOL_CTL_SESSIONS || page->cursor <= cursor)
			return -EPROTO; /* it would never end */
		cursor = page->cursor;
		take(ctx, page);
	}
	return 0;
}

void session_put_place(const struct spool_ctl_session *session)
{
	if (*session->place)
		spool_text_put(stdout, session->place);
	else
		printf("%" PRIu64, session->value);
}

void session_json_place(struct json *json, const struct spool_ctl_session *session)
{
	bool is_directory =
		(int)session->kind == spool_ctl_number(SPOOL_CTL_SESSION_KINDS, "directory");

	json_string(json, "cgroup", is_directory ? "" : session->place);
	json_string(json, "directory", is_directory ? session->place : "");
}
