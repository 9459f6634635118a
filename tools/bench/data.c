/* SPDX-License-Identifier: MIT */
#include "bench/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u

uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

char *bench_data_new(void)
{
	uint64_t *numbers = malloc(BENCH_DATA);
	uint64_t state = BENCH_SEED;

	for (size_t i = 0; numbers && i < BENCH_DATA / sizeof(*numbers); i++)
		numbers[i] = bench_random(&state);
	return (char *)numbers;
}

const char *bench_data_at(char *data, size_t size, uint64_t off)
{
	char *piece = data + off % BENCH_DATA;

	for (size_t at = 0; at < size; at += PAGE) {
		uint64_t own = off + at;

		memcpy(piece + at, &own, sizeof(own));
	}
	return piece;
}

int bench_data_write(int fd, char *data, size_t size, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += size) {
		ssize_t n = pwrite(fd, bench_data_at(data, size, at), size, (off_t)at);

		if (n != (ssize_t)size)
			return n < 0 ? -errno : -ENOSPC;
	}
	return 0;
}
