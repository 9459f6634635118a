/* SPDX-License-Identifier: MIT */
#pragma once

/* For seal.c, and for tests that set a key. */

#include <stdatomic.h>

#include "spill/seal.h"

/* A key's cell lies in memory of its own; this is what is known of it elsewhere. */
struct spool_key {
	uint8_t *cell;               /* SPOOL_KEY_SIZE bytes */
	_Atomic uint64_t next_nonce; /* the number of pieces sealed, up to UINT64_MAX */
	struct seal_slab *slab;
};
