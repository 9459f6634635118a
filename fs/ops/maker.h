/* SPDX-License-Identifier: MIT */
#pragma once

/* Who makes an entry, and in which session. */

#include "fs.h"

/**
 * maker_cred() - reply_cred() with the session of what this request makes
 * 0 where it stays until the mount ends, which asks nobody, and where the caller is in none. The
 * answer is the same however often a request is tried, and its session goes on until the request
 * is answered.
 */
struct spool_cred maker_cred(fuse_req_t req);
