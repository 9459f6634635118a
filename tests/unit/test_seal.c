/* SPDX-License-Identifier: MIT */

/* Sealing: what comes back is what went in, or nothing; and nobody else can read it. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fault_host.h"
#include "spill/seal_internal.h"
#include "unit.h"

static struct fault_host host;
static struct spool_seal *seal;
static struct spool_key *key;
static uint8_t plain[SPOOL_PIECE_SIZE], sealed[SPOOL_PIECE_SIZE], opened[SPOOL_PIECE_SIZE];

static void set_up(enum spool_seal_kind kind)
{
	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(spool_seal_new(&host.host, kind, &seal), 0);
	CU_ASSERT_EQUAL_FATAL(spool_key_new(seal, &key), 0);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 3 + i / 256);
}

static void tear_down(void)
{
	spool_key_free(seal, key);
	spool_seal_free(seal);
	CU_ASSERT_EQUAL(host.live, 0);
}

/* @len bytes of plain into sealed. */
static struct spool_piece seal_some(size_t len)
{
	struct spool_piece piece = {.in = plain, .out = sealed, .len = len};

	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, &piece, 1), 0);
	piece.in = sealed;
	piece.out = opened;
	return piece;
}

/* Return: what opening says; opened is then @len bytes of plain, or zeros. */
static int open_it(struct spool_piece piece)
{
	static const uint8_t zeros[SPOOL_PIECE_SIZE];
	int r;

	memset(opened, 'z', sizeof(opened));
	r = spool_open_pieces(seal, key, &piece, 1);
	CU_ASSERT_EQUAL(memcmp(opened, r == 0 ? plain : zeros, piece.len), 0);
	return r;
}

/* AES-256-GCM with an all-zero key and IV: test case 14 of the paper by McGrew and Viega. */
static void test_known_answers(void)
{
	static const uint8_t cipher[16] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
					   0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18};
	static const uint8_t tag[16] = {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
					0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
	struct spool_piece piece;

	set_up(SPOOL_SEAL_AES);
	memset(key->cell, 0, SPOOL_KEY_SIZE);
	memset(plain, 0, 16);
	piece = seal_some(16);
	CU_ASSERT_EQUAL(piece.nonce, 0);
	CU_ASSERT_EQUAL(memcmp(sealed, cipher, sizeof(cipher)), 0);
	CU_ASSERT_EQUAL(memcmp(piece.tag, tag, sizeof(tag)), 0);
	CU_ASSERT_EQUAL(open_it(piece), 0);
	tear_down();
}

static void round_trips(enum spool_seal_kind kind)
{
	static const size_t lens[] = {1, 15, 16, 17, 4095, 4096, 4097, SPOOL_PIECE_SIZE};

	set_up(kind);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct spool_piece piece = seal_some(lens[i]);

		/* of one byte, one key in 256 makes the same */
		if (kind == SPOOL_SEAL_SUM || lens[i] > 1)
			CU_ASSERT_EQUAL(memcmp(sealed, plain, lens[i]) == 0,
					kind == SPOOL_SEAL_SUM);
		CU_ASSERT_EQUAL(open_it(piece), 0);
	}
	tear_down();
}

static void test_round_trips(void)
{
	round_trips(SPOOL_SEAL_AES);
	round_trips(SPOOL_SEAL_SUM);
}

static void tampering(enum spool_seal_kind kind)
{
	struct spool_piece good, bad;

	set_up(kind);
	good = seal_some(5000);
	for (size_t at = 0; at < 5000; at += 311) {
		sealed[at] ^= 0x10;
		CU_ASSERT_EQUAL(open_it(good), -EBADMSG);
		sealed[at] ^= 0x10;
	}
	for (size_t at = 0; at < SPOOL_TAG_SIZE; at++) {
		bad = good;
		bad.tag[at] ^= 1;
		CU_ASSERT_EQUAL(open_it(bad), -EBADMSG);
	}
	bad = good;
	bad.len--;
	CU_ASSERT_EQUAL(open_it(bad), -EBADMSG);
	if (kind == SPOOL_SEAL_AES) {
		bad = good;
		bad.nonce++;
		CU_ASSERT_EQUAL(open_it(bad), -EBADMSG);
	}
	CU_ASSERT_EQUAL(open_it(good), 0);
	tear_down();
}

static void test_tampering(void)
{
	tampering(SPOOL_SEAL_AES);
	tampering(SPOOL_SEAL_SUM);
}

/* One bad piece makes all of a call zeros. */
static void test_several_pieces(void)
{
	struct spool_piece pieces[4];

	set_up(SPOOL_SEAL_AES);
	for (size_t i = 0; i < 4; i++)
		pieces[i] = (struct spool_piece){
			.in = plain + i * 1000, .out = sealed + i * 1000, .len = 1000};
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, pieces, 4), 0);
	for (size_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(pieces[i].nonce, i);
		pieces[i].in = sealed + i * 1000;
		pieces[i].out = opened + i * 1000;
	}
	CU_ASSERT_EQUAL(spool_open_pieces(seal, key, pieces, 4), 0);
	CU_ASSERT_EQUAL(memcmp(opened, plain, 4000), 0);
	sealed[3999] ^= 1;
	CU_ASSERT_EQUAL(spool_open_pieces(seal, key, pieces, 4), -EBADMSG);
	for (size_t i = 0; i < 4000; i++)
		CU_ASSERT_EQUAL_FATAL(opened[i], 0);
	tear_down();
}

/* Two files with the same contents have nothing in common, and neither opens the other's. */
static void test_other_keys(void)
{
	struct spool_key *other;
	struct spool_piece piece, same;
	uint8_t first[64];

	set_up(SPOOL_SEAL_AES);
	CU_ASSERT_EQUAL(spool_key_new(seal, &other), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(key->cell, other->cell, SPOOL_KEY_SIZE), 0);
	piece = seal_some(64);
	memcpy(first, sealed, 64);
	same = (struct spool_piece){.in = plain, .out = opened, .len = 64};
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, other, &same, 1), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(first, opened, 64), 0);
	CU_ASSERT_EQUAL(spool_open_pieces(seal, other, &piece, 1), -EBADMSG);
	/* twice the same text under one key differs as well */
	seal_some(64);
	CU_ASSERT_NOT_EQUAL(memcmp(first, sealed, 64), 0);
	spool_key_free(seal, other);
	tear_down();
}

static void test_in_place(void)
{
	struct spool_piece piece = {.in = sealed, .out = sealed, .len = 4096};

	set_up(SPOOL_SEAL_AES);
	memcpy(sealed, plain, 4096);
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, &piece, 1), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(sealed, plain, 4096), 0);
	CU_ASSERT_EQUAL(spool_open_pieces(seal, key, &piece, 1), 0);
	CU_ASSERT_EQUAL(memcmp(sealed, plain, 4096), 0);
	tear_down();
}

/* A nonce is never used twice, and a key that has used all of them is at its end. */
static void test_nonces_end(void)
{
	struct spool_piece pieces[2] = {{.in = plain, .out = sealed, .len = 16},
					{.in = plain, .out = opened, .len = 16}};

	set_up(SPOOL_SEAL_AES);
	key->next_nonce = UINT64_MAX - 1;
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, pieces, 2), -EOVERFLOW);
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, pieces, 1), 0);
	CU_ASSERT_EQUAL(pieces[0].nonce, UINT64_MAX - 1);
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, pieces, 1), -EOVERFLOW);
	tear_down();
}

#define N_THREADS 4
#define N_EACH 500

static void *count_nonces(void *arg)
{
	unsigned char *seen = arg;
	uint8_t out[16];

	for (unsigned int i = 0; i < N_EACH; i++) {
		struct spool_piece piece = {.in = plain, .out = out, .len = sizeof(out)};

		if (spool_seal_pieces(seal, key, &piece, 1) == 0)
			__atomic_fetch_add(&seen[piece.nonce], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_nonces_of_threads(void)
{
	static unsigned char seen[N_THREADS * N_EACH];
	pthread_t threads[N_THREADS];

	set_up(SPOOL_SEAL_AES);
	for (unsigned int i = 0; i < N_THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count_nonces, seen), 0);
	for (unsigned int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < sizeof(seen); i++)
		CU_ASSERT_EQUAL_FATAL(seen[i], 1);
	tear_down();
}

/* A freed key is overwritten; pages without keys go. */
static void test_keys_are_destroyed(void)
{
	static const uint8_t zeros[SPOOL_KEY_SIZE];
	struct spool_key *keys[1000];
	uint8_t *cell;

	set_up(SPOOL_SEAL_AES);
	for (size_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL_FATAL(spool_key_new(seal, &keys[i]), 0);
	cell = keys[0]->cell;
	CU_ASSERT_NOT_EQUAL(memcmp(cell, zeros, sizeof(zeros)), 0);
	spool_key_free(seal, keys[0]); /* the first test key keeps its page */
	CU_ASSERT_EQUAL(memcmp(cell, zeros, sizeof(zeros)), 0);
	for (size_t i = 1; i < 1000; i++)
		spool_key_free(seal, keys[i]);
	CU_ASSERT_TRUE(host.live < 10);
	spool_seal_locked(seal);
	tear_down();
}

static void test_without_memory(void)
{
	struct spool_key *other = NULL;

	fault_host_init(&host);
	fault_host_arm(&host, 1, false);
	CU_ASSERT_EQUAL(spool_seal_new(&host.host, SPOOL_SEAL_AES, &seal), -ENOMEM);
	set_up(SPOOL_SEAL_AES);
	for (long nth = 1; nth < 200; nth++) {
		fault_host_arm(&host, nth % 4, true);
		if (spool_key_new(seal, &other) == 0)
			spool_key_free(seal, other);
	}
	fault_host_arm(&host, 0, false);
	tear_down();
}

static void test_wipe(void)
{
	static const uint8_t zeros[SPOOL_KEY_SIZE];
	struct spool_key *many[200]; /* more than a page holds: a full one and others */
	struct spool_piece piece = {.in = plain, .out = sealed, .len = 100};

	set_up(SPOOL_SEAL_AES);
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, &piece, 1), 0);
	for (size_t i = 0; i < 200; i++)
		CU_ASSERT_EQUAL_FATAL(spool_key_new(seal, &many[i]), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(many[0]->cell, zeros, SPOOL_KEY_SIZE), 0);
	spool_seal_wipe(seal);
	CU_ASSERT_EQUAL(memcmp(key->cell, zeros, SPOOL_KEY_SIZE), 0);
	for (size_t i = 0; i < 200; i++) {
		CU_ASSERT_EQUAL(memcmp(many[i]->cell, zeros, SPOOL_KEY_SIZE), 0);
		spool_key_free(seal, many[i]);
	}
	CU_ASSERT_EQUAL(spool_seal_pieces(seal, key, &piece, 1), -ECANCELED);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"known answers", test_known_answers},
		{"round trips", test_round_trips},
		{"tampering", test_tampering},
		{"several pieces", test_several_pieces},
		{"other keys", test_other_keys},
		{"in place", test_in_place},
		{"nonces end", test_nonces_end},
		{"nonces of threads", test_nonces_of_threads},
		{"keys are destroyed", test_keys_are_destroyed},
		{"wipe", test_wipe},
		{"without memory", test_without_memory},
	};

	return unit_run("seal", tests, sizeof(tests) / sizeof(tests[0]));
}
