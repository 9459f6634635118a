/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sealing: what data look like on the disk. Encrypted, only this process can read them; it always
 * notices when they were changed.
 *
 * Data are sealed in pieces of at most SPOOL_PIECE_SIZE, each alone. With SPOOL_SEAL_AES that is
 * AES-256-GCM (NIST SP 800-38D; libcrypto): a random key for each file, a nonce that is counted
 * and never used twice with the key, a tag of 128 bits. The caller keeps tags and nonces in memory.
 * With SPOOL_SEAL_SUM the bytes are stored as they are, and the tag is an
 * XXH3 checksum of 128 bits with a random seed: it finds accidents, not attackers.
 *
 * Keys lie in memory of their own that is locked (where the limits allow it), left out of core
 * dumps and not inherited by a fork; spool_key_free() overwrites the key. What libcrypto
 * derives from a key is overwritten before a function returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/host.h"

#define SPOOL_PIECE_SIZE 16384u
#define SPOOL_TAG_SIZE 16u
#define SPOOL_KEY_SIZE 32u

enum spool_seal_kind { SPOOL_SEAL_AES, SPOOL_SEAL_SUM };

struct spool_seal;
struct spool_key;

/**
 * struct spool_piece - one piece of a sealing or opening
 * @in, @out: @len bytes each; they are the same or do not overlap
 * @len: 1 to SPOOL_PIECE_SIZE
 * @nonce: sealing sets it, opening needs it
 * @tag: likewise
 */
struct spool_piece {
	const void *in;
	void *out;
	size_t len;
	uint64_t nonce;
	uint8_t tag[SPOOL_TAG_SIZE];
};

/**
 * spool_seal_new() - what the files of one mount share
 * @host: borrowed until spool_seal_free()
 * Return: 0; -ENOMEM; what host->random returned; -EOPNOTSUPP when libcrypto has no AES-256-GCM.
 */
int spool_seal_new(const struct spool_host *host, enum spool_seal_kind kind,
		   struct spool_seal **ret_seal);

/** spool_seal_free() - NULL is allowed. Every key must have been freed (asserted). */
void spool_seal_free(struct spool_seal *seal);

/** spool_seal_wipe() - overwrites every key, even if it is in use. The process is about to end:
 * nothing can be sealed any more, and what is opened is bad. Locks: takes the seal's
 * (SPOOL_RANK_POOL). */
void spool_seal_wipe(struct spool_seal *seal);

/** spool_seal_locked() - whether all memory for keys that there is could be locked. */
bool spool_seal_locked(struct spool_seal *seal);

/**
 * spool_key_new() - a file's key, random, its nonces at 0
 * Return: 0; -ENOMEM; what host->random returned. Locks: takes the seal's (SPOOL_RANK_POOL).
 */
int spool_key_new(struct spool_seal *seal, struct spool_key **ret_key);

/** spool_key_free() - overwrites and frees it. NULL is allowed. Locks: as spool_key_new(). */
void spool_key_free(struct spool_seal *seal, struct spool_key *key);

/**
 * spool_seal_pieces() - seal @n pieces with fresh nonces
 * Return: 0; -ENOMEM; -EOVERFLOW when the key's nonces are used up (2^64 of them); -ECANCELED after
 * spool_seal_wipe(), also when that came while it sealed. On failure what is in the outputs must
 * not be used, and nonces may be lost, never repeated.
 * Locks: none; may be called for one key from several threads at once.
 */
int spool_seal_pieces(struct spool_seal *seal, struct spool_key *key, struct spool_piece *pieces,
		      size_t n);

/**
 * spool_open_pieces() - check and open @n pieces
 * Return: 0; -ENOMEM; -EBADMSG when a piece is not what was sealed: all outputs are then zeros.
 * Locks: as spool_seal_pieces().
 */
int spool_open_pieces(struct spool_seal *seal, struct spool_key *key, struct spool_piece *pieces,
		      size_t n);
