/* SPDX-License-Identifier: MIT */
#include "spoolctl/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "util/macros.h"

int users_ask(int fd, int (*take)(void *ctx, const struct spool_ctl_users *page), void *ctx)
{
	spool_cleanup(free) struct spool_ctl_users *page = malloc(sizeof(*page));
	uint64_t cursor = 0;
	int r = page ? 0 : -ENOMEM;

	while (r == 0 && cursor != SPOOL_CTL_END) {
		memset(page, 0, sizeof(*page));
		page->version = SPOOL_CTL_VERSION;
		page->cursor = cursor;
		r = spool_ctl_call(fd, SPOOL_IOC_USERS, page);
		if (r < 0)
			return r;
		if (page->count > SPOOL_CTL_USERS || page->cursor <= cursor)
			return -EPROTO; /* it would never end */
		cursor = page->cursor;
		r = take(ctx, page);
	}
	return r;
}
