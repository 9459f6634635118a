/* SPDX-License-Identifier: MIT */
#pragma once

/* What the layers answer besides the errors of system calls. */

#include <errno.h>

/** SPOOL_WOULD_BLOCK - the operation needs a block that is on the disk, and may not wait for it */
#define SPOOL_WOULD_BLOCK (-EINPROGRESS)
