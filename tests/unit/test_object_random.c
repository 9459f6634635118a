/* SPDX-License-Identifier: MIT */

/*
 * Random operations on two files against flat buffers. After every step the charges are
 * recomputed, and what was touched is compared; every few steps everything is, with the holes.
 * Replay: SPOOL_SEED=N; SPOOL_STEPS=N for longer runs.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "object_rig.h"
#include "util/macros.h"

#define WINDOW (320u << 10) /* five blocks: every edge between blocks, and whole blocks inside */
#define PAGES (WINDOW / SPOOL_PAGE_SIZE)
#define N_FILES 2

/*
 * A file and its model. All happens in a window at @base; before it the file is one hole.
 * Pages are known to be allocated or not; whether one holds data is only bounded: what was
 * written must be found by SEEK_DATA, and what is not allocated must be a hole.
 */
struct file {
	struct spool_object *object;
	uint64_t base;
	uint64_t size; /* within the window; beyond it nothing was ever made */
	bool sized;    /* the file reaches into the window */
	unsigned char bytes[WINDOW];
	bool written[PAGES];
	bool allocated[PAGES];
};

static struct rig rig;
static struct file files[N_FILES];
static unsigned char buf[WINDOW];
static unsigned int state;
static unsigned int errors;

static unsigned int pick(unsigned int n)
{
	return (unsigned int)rand_r(&state) % n;
}

/* Offsets like to lie on or next to the edges of pages and blocks. */
static unsigned int pick_offset(void)
{
	unsigned int at = pick(WINDOW);

	switch (pick(5)) {
	case 0:
		at &= ~(SPOOL_PAGE_SIZE - 1);
		break;
	case 1:
		at &= ~(SPOOL_BLOCK_SIZE - 1);
		break;
	case 2:
		at = (at | (SPOOL_PAGE_SIZE - 1)) + 1 - pick(2);
		break;
	}
	return at < WINDOW ? at : WINDOW - 1;
}

static unsigned int pick_length(unsigned int at)
{
	unsigned int n = 1 + pick(1u << (1 + pick(18)));

	if (pick(4) == 0)
		n = (n + SPOOL_PAGE_SIZE - 1) & ~(SPOOL_PAGE_SIZE - 1);
	return n < WINDOW - at ? n : WINDOW - at;
}

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	errors++;
	fprintf(stderr, "%s\n", what);
}

static void model_write(struct file *file, unsigned int at, unsigned int n,
			const unsigned char *from)
{
	memcpy(file->bytes + at, from, n);
	for (unsigned int page = at / SPOOL_PAGE_SIZE; page <= (at + n - 1) / SPOOL_PAGE_SIZE;
	     page++)
		file->written[page] = file->allocated[page] = true;
	file->sized = true;
	file->size = spool_max_u64(file->size, at + n);
}

static void model_punch(struct file *file, unsigned int at, unsigned int end)
{
	unsigned int first = (at + SPOOL_PAGE_SIZE - 1) / SPOOL_PAGE_SIZE;

	memset(file->bytes + at, 0, end - at);
	for (unsigned int page = first; page < end / SPOOL_PAGE_SIZE; page++)
		file->written[page] = file->allocated[page] = false;
}

static void do_write(struct file *file)
{
	unsigned int at = pick_offset(), n = pick_length(at);
	ssize_t r;

	for (unsigned int i = 0; i < n; i++)
		buf[i] = (unsigned char)(1 + pick(255));
	r = spool_object_write(file->object, rig.user, buf, n, file->base + at, 0, NULL);
	expect(r == (ssize_t)n, "write");
	model_write(file, at, n, buf);
}

/* Many small writes one after the other, as programs append. */
static void do_append(struct file *file)
{
	unsigned int at = (unsigned int)file->size, step = 1 + pick(6000);

	for (unsigned int i = 0; i < 20 && at + step <= WINDOW; i++, at += step) {
		memset(buf, (int)(1 + pick(255)), step);
		expect(spool_object_write(file->object, rig.user, buf, step, file->base + at, 0,
					  NULL) == (ssize_t)step,
		       "append");
		model_write(file, at, step, buf);
	}
}

static void do_truncate(struct file *file)
{
	unsigned int to = pick_offset();

	expect(spool_object_truncate(file->object, rig.user, file->base + to) == 0, "truncate");
	if (!file->sized || to <= file->size) {
		/* what is reserved beyond the end goes even when the size stays */
		memset(file->bytes + to, 0, WINDOW - to);
		for (unsigned int page = (to + SPOOL_PAGE_SIZE - 1) / SPOOL_PAGE_SIZE; page < PAGES;
		     page++) {
			if (file->sized)
				file->written[page] = file->allocated[page] = false;
		}
	}
	file->sized = true;
	file->size = to;
}

static void do_punch(struct file *file)
{
	unsigned int at = pick_offset(), n = pick_length(at);

	expect(spool_object_fallocate(file->object, rig.user,
				      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, file->base + at,
				      n, NULL) == 0,
	       "punch");
	model_punch(file, at, at + n);
}

static void do_reserve(struct file *file)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
				    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	unsigned int at = pick_offset(), n = pick_length(at);
	int mode = modes[pick(4)];

	expect(spool_object_fallocate(file->object, rig.user, mode, file->base + at, n, NULL) == 0,
	       "reserve");
	for (unsigned int page = at / SPOOL_PAGE_SIZE; page <= (at + n - 1) / SPOOL_PAGE_SIZE;
	     page++)
		file->allocated[page] = true;
	if (mode & FALLOC_FL_ZERO_RANGE) {
		memset(file->bytes + at, 0, n);
		for (unsigned int page = 0; page < PAGES; page++) {
			if (page * SPOOL_PAGE_SIZE >= at && (page + 1) * SPOOL_PAGE_SIZE <= at + n)
				file->written[page] = false; /* or still: the store may choose */
		}
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE)) {
		file->sized = true;
		file->size = spool_max_u64(file->size, at + n);
	}
}

/* Follows the store's own idea of where the source has data: holes make holes. */
static void model_copy(const struct file *src, unsigned int from, struct file *dst, unsigned int to,
		       unsigned int n)
{
	while (n > 0) {
		int64_t data = spool_object_seek(src->object, src->base + from, SEEK_DATA);
		int64_t stop = data;
		unsigned int part = n;

		if (data == (int64_t)(src->base + from))
			stop = spool_object_seek(src->object, src->base + from, SEEK_HOLE);
		if (stop >= 0 && (uint64_t)stop - src->base - from < n)
			part = (unsigned int)((uint64_t)stop - src->base) - from;
		if (data == (int64_t)(src->base + from))
			model_write(dst, to, part, src->bytes + from);
		else
			model_punch(dst, to, to + part);
		from += part;
		to += part;
		n -= part;
	}
}

static void check_size(const struct file *file)
{
	uint64_t size = file->sized ? file->base + file->size : 0, pages = 0;

	expect(spool_object_size(file->object) == size, "size");
	for (unsigned int page = 0; page < PAGES; page++)
		pages += file->allocated[page];
	expect(spool_object_blocks(file->object) == pages * 8, "allocated pages");
}

static void check_content(const struct file *file)
{
	ssize_t n = spool_object_read(file->object, buf, WINDOW, file->base, NULL, NULL);

	expect(n == (file->sized ? (ssize_t)file->size : 0), "length read");
	expect(n <= 0 || memcmp(buf, file->bytes, (size_t)n) == 0, "content");
}

/*
 * A copy between ranges that share a block may turn holes of its source into data before it gets
 * there (the first page that it writes is the last that it reads): what it then allocates is
 * known to the store alone. The content is checked all the same; then the file starts over.
 */
static bool share_block(unsigned int from, unsigned int to, unsigned int n)
{
	return from / SPOOL_BLOCK_SIZE <= (to + n - 1) / SPOOL_BLOCK_SIZE &&
	       to / SPOOL_BLOCK_SIZE <= (from + n - 1) / SPOOL_BLOCK_SIZE;
}

static void start_over(struct file *file)
{
	expect(spool_object_truncate(file->object, rig.user, file->base) == 0, "truncate");
	memset(file->bytes, 0, sizeof(file->bytes));
	memset(file->written, 0, sizeof(file->written));
	memset(file->allocated, 0, sizeof(file->allocated));
	file->sized = true;
	file->size = 0;
}

static void do_copy(struct file *src, struct file *dst)
{
	unsigned int from = pick_offset(), to = pick_offset(), n;
	static struct file before;
	ssize_t r;

	n = spool_min_u64(pick_length(from), WINDOW - to);
	if (src == dst && from < to + n && to < from + n)
		return;
	before = *src;
	if (!src->sized || from >= src->size)
		n = 0;
	else
		n = (unsigned int)spool_min_u64(n, src->size - from);
	if (n > 0) {
		static struct file scratch;

		scratch = *dst; /* the walk over the source must come before it may change */
		model_copy(&before, from, &scratch, to, n);
		*dst = scratch;
		dst->sized = true;
		dst->size = spool_max_u64(dst->size, to + n);
	}
	r = spool_object_copy(src->object, src->base + from, dst->object, rig.user, dst->base + to,
			      n > 0 ? n : 1 + pick(9));
	expect(r == (ssize_t)n || (n == 0 && r == -EINVAL && src == dst), "copy");
	if (src == dst && n > 0 && share_block(from, to, n)) {
		check_content(dst);
		start_over(dst);
	}
}

static void check_holes(const struct file *file)
{
	uint64_t at = file->base, end = file->base + file->size;

	for (; file->sized && at < end; at = (at | (SPOOL_PAGE_SIZE - 1)) + 1) {
		unsigned int page = (unsigned int)((at - file->base) / SPOOL_PAGE_SIZE);
		bool data = spool_object_seek(file->object, at, SEEK_DATA) == (int64_t)at;
		bool hole = spool_object_seek(file->object, at, SEEK_HOLE) == (int64_t)at;

		expect(data != hole, "data or hole");
		expect(data || !file->written[page], "written page in a hole");
		expect(hole || file->allocated[page], "data where nothing is");
	}
}

static void step(void)
{
	struct file *file = &files[pick(N_FILES)];

	switch (pick(12)) {
	case 0:
	case 1:
	case 2:
		do_write(file);
		break;
	case 3:
		do_append(file);
		break;
	case 4:
	case 5:
		do_truncate(file);
		break;
	case 6:
	case 7:
		do_punch(file);
		break;
	case 8:
	case 9:
		do_reserve(file);
		break;
	default:
		do_copy(file, &files[pick(N_FILES)]);
	}
}

static void start_file(struct file *file)
{
	static const uint64_t bases[] = {0,
					 SPOOL_BLOCK_SIZE,
					 63ull << 16,
					 4095ull << 16,
					 4 * GIB,
					 (uint64_t)1 << 50,
					 ((uint64_t)1 << 63) - (8ull << 16)};

	memset(file, 0, sizeof(*file));
	file->object = rig_object(&rig);
	file->base = bases[pick(SPOOL_ARRAY_SIZE(bases))];
	file->sized = file->base == 0;
}

/* Return: false when something is wrong; the seed has been printed. */
static bool run(unsigned int seed, unsigned int steps)
{
	struct spool_object *objects[N_FILES];

	state = seed;
	errors = 0;
	rig_init(&rig);
	rig_poison(&rig, 2 * MIB);
	for (unsigned int i = 0; i < N_FILES; i++) {
		start_file(&files[i]);
		objects[i] = files[i].object;
	}
	for (unsigned int i = 0; i < steps && errors == 0; i++) {
		step();
		errors += rig_audit(&rig, objects, N_FILES);
		for (unsigned int j = 0; j < N_FILES; j++) {
			check_size(&files[j]);
			check_content(&files[j]);
			if (i % 16 == 0)
				check_holes(&files[j]);
		}
		if (errors)
			fprintf(stderr, "step %u: replay with SPOOL_SEED=%u\n", i, seed);
	}
	for (unsigned int i = 0; i < N_FILES; i++)
		spool_object_free(files[i].object, rig.user);
	rig_fini(&rig);
	return errors == 0;
}

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned int)strtoul(text, NULL, 0) : otherwise;
}

static void test_random(void)
{
	unsigned int fresh = 0, steps = number("SPOOL_STEPS", 200);

	spool_host_system()->random(NULL, &fresh, sizeof(fresh));
	if (getenv("SPOOL_SEED")) {
		CU_ASSERT_TRUE(run(number("SPOOL_SEED", 0), steps));
		return;
	}
	for (unsigned int seed = 1; seed <= 10; seed++)
		CU_ASSERT_TRUE(run(seed, steps));
	printf("(SPOOL_SEED=%u to %u) ", fresh, fresh + 9);
	for (unsigned int i = 0; i < 10; i++)
		CU_ASSERT_TRUE(run(fresh + i, steps));
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"random against flat buffers", test_random},
	};

	return unit_run("object_random", tests, SPOOL_ARRAY_SIZE(tests));
}
