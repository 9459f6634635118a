/* SPDX-License-Identifier: MIT */
#include "spoolctl/life_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/names.h"
#include "ctl/proto.h"

static bool is_named(const struct spool_ctl_life *life, const char *name)
{
	return spool_ctl_number(SPOOL_CTL_LIFETIMES, name) == (int)life->lifetime;
}

const char *life_text(const struct spool_ctl_life *life, char *buf, size_t size)
{
	bool is_close = is_named(life, "close") && S_ISREG(life->mode);

	if ((life->flags & SPOOL_CTL_LIFE_ENDED) && *life->waits_for)
		snprintf(buf, size,
			 "goes as soon as it is empty: it is over, but holds what is not");
	else if (life->flags & SPOOL_CTL_LIFE_ENDED)
		snprintf(buf, size, "goes now: it is over");
	else if (is_named(life, "mount"))
		snprintf(buf, size, "stays until the mount ends");
	else if (is_close && life->linger_ms != SPOOL_CTL_NO_LIMIT)
		snprintf(buf, size, "is closed, and goes in %" PRIu64 " ms unless it is opened",
			 life->linger_ms);
	else if (is_close && (life->flags & SPOOL_CTL_LIFE_OPEN))
		snprintf(buf, size, "is open, and goes after it was closed");
	else if (is_close)
		snprintf(buf, size, "goes after it was opened and closed again");
	else if (life->session)
		snprintf(buf, size, "goes when session %" PRIu64 " has ended", life->session);
	else
		snprintf(buf, size, "belongs to no session, and stays until the mount ends");
	return buf;
}
