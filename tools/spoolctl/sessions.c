/* SPDX-License-Identifier: MIT */
#include "spoolctl/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "util/macros.h"

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
