/* SPDX-License-Identifier: MIT */
#include "spill/seal_internal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <xxhash.h>

#include "util/host.h"
#include "util/lock.h"

#define SLAB_SIZE 4096u /* one page: the unit that mlock() counts in */
#define SLAB_CELLS (SLAB_SIZE / SPOOL_KEY_SIZE)
#define SLAB_WORDS (SLAB_CELLS / 64)
#define NONCE_SIZE 12u /* SP 800-38D, 5.2.1.1: 96 bits need no hashing */

/* A page of keys. It is on one of two lists: slabs with free cells, or full ones. */
struct seal_slab {
	TAILQ_ENTRY(seal_slab) link;
	uint8_t *cells;
	uint64_t free[SLAB_WORDS];
	unsigned int n_free;
	bool locked;
};

TAILQ_HEAD(slab_list, seal_slab);

struct spool_seal {
	const struct spool_host *host;
	enum spool_seal_kind kind;
	EVP_CIPHER *cipher; /* of libcrypto; NULL for sums */
	uint64_t seed;      /* of sums */
	struct spool_mutex lock;
	struct slab_list partial; /* lock */
	struct slab_list full;    /* lock */
	atomic_bool wiped;        /* keys may be all zeros: nothing that was sealed goes out */
	uint64_t n_slabs;         /* lock */
	uint64_t n_unlocked;      /* lock; how many slabs could not be locked in memory */
};

int spool_seal_new(const struct spool_host *host, enum spool_seal_kind kind,
		   struct spool_seal **ret_seal)
{
	struct spool_seal *seal = spool_alloc(host, sizeof(*seal));
	int r;

	if (!seal)
		return -ENOMEM;
	r = host->random(host->ctx, &seal->seed, sizeof(seal->seed));
	if (r < 0)
		goto free_seal;
	if (kind == SPOOL_SEAL_AES) {
		seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		r = seal->cipher ? 0 : -EOPNOTSUPP;
	}
	if (r < 0)
		goto free_seal;
	seal->host = host;
	seal->kind = kind;
	TAILQ_INIT(&seal->partial);
	TAILQ_INIT(&seal->full);
	spool_mutex_init(&seal->lock);
	*ret_seal = seal;
	return 0;
free_seal:
	spool_free(host, seal);
	return r;
}

static void free_slab(struct spool_seal *seal, struct seal_slab *slab)
{
	seal->host->secret_unmap(seal->host->ctx, slab->cells, SLAB_SIZE);
	spool_free(seal->host, slab);
}

void spool_seal_free(struct spool_seal *seal)
{
	struct seal_slab *slab;

	if (!seal)
		return;
	assert(TAILQ_EMPTY(&seal->full));
	while ((slab = TAILQ_FIRST(&seal->partial))) {
		assert(slab->n_free == SLAB_CELLS);
		TAILQ_REMOVE(&seal->partial, slab, link);
		free_slab(seal, slab);
	}
	EVP_CIPHER_free(seal->cipher);
	spool_mutex_fini(&seal->lock);
	spool_free(seal->host, seal);
}

void spool_seal_wipe(struct spool_seal *seal)
{
	struct seal_slab *slab;

	atomic_store(&seal->wiped, true);
	spool_mutex_lock(&seal->lock, SPOOL_RANK_POOL);
	TAILQ_FOREACH (slab, &seal->partial, link)
		OPENSSL_cleanse(slab->cells, SLAB_SIZE);
	TAILQ_FOREACH (slab, &seal->full, link)
		OPENSSL_cleanse(slab->cells, SLAB_SIZE);
	spool_mutex_unlock(&seal->lock);
}

bool spool_seal_locked(struct spool_seal *seal)
{
	bool locked;

	spool_mutex_lock(&seal->lock, SPOOL_RANK_POOL);
	locked = seal->n_unlocked == 0;
	spool_mutex_unlock(&seal->lock);
	return locked;
}

static struct seal_slab *new_slab(struct spool_seal *seal)
{
	struct seal_slab *slab = spool_alloc(seal->host, sizeof(*slab));

	if (!slab)
		return NULL;
	slab->cells = seal->host->secret_map(seal->host->ctx, SLAB_SIZE, &slab->locked);
	if (!slab->cells) {
		spool_free(seal->host, slab);
		return NULL;
	}
	memset(slab->free, 0xff, sizeof(slab->free));
	slab->n_free = SLAB_CELLS;
	return slab;
}

/* A free cell. Return: NULL without memory. */
static uint8_t *take_cell_locked(struct spool_seal *seal, struct seal_slab **ret_slab)
	SPOOL_REQUIRES(seal->lock)
{
	struct seal_slab *slab = TAILQ_FIRST(&seal->partial);
	unsigned int word = 0, bit;

	if (!slab) {
		slab = new_slab(seal);
		if (!slab)
			return NULL;
		TAILQ_INSERT_HEAD(&seal->partial, slab, link);
		seal->n_slabs++;
		seal->n_unlocked += !slab->locked;
	}
	while (!slab->free[word])
		word++;
	bit = (unsigned int)__builtin_ctzll(slab->free[word]);
	slab->free[word] &= slab->free[word] - 1;
	if (--slab->n_free == 0) {
		TAILQ_REMOVE(&seal->partial, slab, link);
		TAILQ_INSERT_HEAD(&seal->full, slab, link);
	}
	*ret_slab = slab;
	return slab->cells + (word * 64 + bit) * SPOOL_KEY_SIZE;
}

/* Return: a slab that is no longer needed, to be freed without the lock; NULL. One is kept. */
static struct seal_slab *give_cell_locked(struct spool_seal *seal, struct seal_slab *slab,
					  const uint8_t *cell) SPOOL_REQUIRES(seal->lock)
{
	size_t at = (size_t)(cell - slab->cells) / SPOOL_KEY_SIZE;

	slab->free[at / 64] |= (uint64_t)1 << at % 64;
	if (slab->n_free++ == 0) {
		TAILQ_REMOVE(&seal->full, slab, link);
		TAILQ_INSERT_HEAD(&seal->partial, slab, link);
	}
	if (slab->n_free < SLAB_CELLS || seal->n_slabs == 1)
		return NULL;
	TAILQ_REMOVE(&seal->partial, slab, link);
	seal->n_slabs--;
	seal->n_unlocked -= !slab->locked;
	return slab;
}

int spool_key_new(struct spool_seal *seal, struct spool_key **ret_key)
{
	struct spool_key *key = spool_alloc(seal->host, sizeof(*key));
	int r;

	if (!key)
		return -ENOMEM;
	if (seal->kind == SPOOL_SEAL_AES) {
		spool_mutex_lock(&seal->lock, SPOOL_RANK_POOL);
		key->cell = take_cell_locked(seal, &key->slab);
		spool_mutex_unlock(&seal->lock);
		r = key->cell ? seal->host->random(seal->host->ctx, key->cell, SPOOL_KEY_SIZE)
			      : -ENOMEM;
		if (r < 0) {
			spool_key_free(seal, key);
			return r;
		}
	}
	*ret_key = key;
	return 0;
}

void spool_key_free(struct spool_seal *seal, struct spool_key *key)
{
	struct seal_slab *slab = NULL;

	if (!key)
		return;
	if (key->cell) {
		OPENSSL_cleanse(key->cell, SPOOL_KEY_SIZE);
		spool_mutex_lock(&seal->lock, SPOOL_RANK_POOL);
		slab = give_cell_locked(seal, key->slab, key->cell);
		spool_mutex_unlock(&seal->lock);
	}
	if (slab)
		free_slab(seal, slab);
	spool_free(seal->host, key);
}

/* Takes @n nonces. Return: the first in *@ret; -EOVERFLOW. */
static int take_nonces(struct spool_key *key, size_t n, uint64_t *ret)
{
	uint64_t first = atomic_load_explicit(&key->next_nonce, memory_order_relaxed);

	do {
		if (first > UINT64_MAX - n)
			return -EOVERFLOW;
	} while (!atomic_compare_exchange_weak_explicit(
		&key->next_nonce, &first, first + n, memory_order_relaxed, memory_order_relaxed));
	*ret = first;
	return 0;
}

/* The counter, lowest byte first, and zeros. */
static void make_iv(uint64_t nonce, uint8_t iv[NONCE_SIZE])
{
	memset(iv, 0, NONCE_SIZE);
	for (unsigned int i = 0; i < sizeof(nonce); i++)
		iv[i] = (uint8_t)(nonce >> (8 * i));
}

static void make_sum(const struct spool_seal *seal, const void *data, size_t len,
		     uint8_t tag[SPOOL_TAG_SIZE])
{
	XXH128_canonical_t sum;

	XXH128_canonicalFromHash(&sum, XXH3_128bits_withSeed(data, len, seal->seed));
	memcpy(tag, sum.digest, SPOOL_TAG_SIZE);
}

static bool encrypt(EVP_CIPHER_CTX *ctx, struct spool_piece *piece)
{
	uint8_t iv[NONCE_SIZE];
	int n;

	make_iv(piece->nonce, iv);
	return EVP_EncryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, piece->out, &n, piece->in, (int)piece->len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, (uint8_t *)piece->out + n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SPOOL_TAG_SIZE, piece->tag) == 1;
}

/* Return: whether the piece is what was sealed. */
static bool decrypt(EVP_CIPHER_CTX *ctx, struct spool_piece *piece)
{
	uint8_t iv[NONCE_SIZE];
	int n;

	make_iv(piece->nonce, iv);
	return EVP_DecryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1 &&
	       EVP_DecryptUpdate(ctx, piece->out, &n, piece->in, (int)piece->len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SPOOL_TAG_SIZE, piece->tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, (uint8_t *)piece->out + n, &n) == 1;
}

static int seal_sums(const struct spool_seal *seal, struct spool_piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		make_sum(seal, pieces[i].in, pieces[i].len, pieces[i].tag);
		if (pieces[i].out != pieces[i].in)
			memcpy(pieces[i].out, pieces[i].in, pieces[i].len);
	}
	return 0;
}

int spool_seal_pieces(struct spool_seal *seal, struct spool_key *key, struct spool_piece *pieces,
		      size_t n)
{
	EVP_CIPHER_CTX *ctx;
	uint64_t nonce = 0;
	int r = 0;

	if (seal->kind == SPOOL_SEAL_SUM)
		return seal_sums(seal, pieces, n);
	r = take_nonces(key, n, &nonce);
	if (r < 0)
		return r;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_EncryptInit_ex2(ctx, seal->cipher, key->cell, NULL, NULL) != 1)
		r = -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		pieces[i].nonce = nonce + i;
		if (!encrypt(ctx, &pieces[i]))
			r = -ENOMEM; /* it has no other reason to fail */
	}
	EVP_CIPHER_CTX_free(ctx);                  /* overwrites what it knows of the key */
	atomic_thread_fence(memory_order_acquire); /* the key was read before */
	return r == 0 && atomic_load(&seal->wiped) ? -ECANCELED : r;
}

static int open_sums(const struct spool_seal *seal, struct spool_piece *pieces, size_t n)
{
	uint8_t sum[SPOOL_TAG_SIZE];

	for (size_t i = 0; i < n; i++) {
		make_sum(seal, pieces[i].in, pieces[i].len, sum);
		if (memcmp(sum, pieces[i].tag, sizeof(sum)) != 0)
			return -EBADMSG;
		if (pieces[i].out != pieces[i].in)
			memcpy(pieces[i].out, pieces[i].in, pieces[i].len);
	}
	return 0;
}

static int open_ciphers(const struct spool_seal *seal, const struct spool_key *key,
			struct spool_piece *pieces, size_t n)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int r = 0;

	if (!ctx || EVP_DecryptInit_ex2(ctx, seal->cipher, key->cell, NULL, NULL) != 1)
		r = -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!decrypt(ctx, &pieces[i]))
			r = -EBADMSG;
	}
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

int spool_open_pieces(struct spool_seal *seal, struct spool_key *key, struct spool_piece *pieces,
		      size_t n)
{
	int r;

	if (seal->kind == SPOOL_SEAL_SUM)
		r = open_sums(seal, pieces, n);
	else
		r = open_ciphers(seal, key, pieces, n);
	for (size_t i = 0; r < 0 && i < n; i++)
		memset(pieces[i].out, 0, pieces[i].len);
	return r;
}
