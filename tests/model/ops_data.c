/* SPDX-License-Identifier: MIT */

/* Random operations on file data. */

#include "run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef unsigned long long ull;

static size_t random_len(struct run *run)
{
	switch (run_random(run, 8)) {
	case 0:
		return run_random(run, MODEL_DATA / 2);
	case 1:
		return run_random(run, 20) * MODEL_PAGE;
	case 2:
	case 3:
		return run_random(run, 3 * MODEL_PAGE);
	case 4:
		return run_random(run, 3);
	case 5:
		return (1 + run_random(run, 3)) * MODEL_PAGE;
	default:
		return run_random(run, 300);
	}
}

/* Where @len bytes lie below MODEL_DATA. */
static uint64_t random_off(struct run *run, size_t len)
{
	uint64_t room = MODEL_DATA - len + 1, off;

	/* whole pages are written without those beside them, which may be on a disk */
	if (len > 0 && len % MODEL_PAGE == 0 && run_random(run, 2))
		return run_random(run, room) & ~(uint64_t)(MODEL_PAGE - 1);
	switch (run_random(run, 6)) {
	case 0:
		return 0;
	case 1:
	case 2:
		return run_random(run, room) & ~(uint64_t)(MODEL_PAGE - 1);
	case 3: /* near the end of a block */
		off = (1 + run_random(run, MODEL_DATA / MODEL_BLOCK)) * MODEL_BLOCK -
		      run_random(run, 200);
		return off < room ? off : room - 1;
	default:
		return run_random(run, room);
	}
}

/* Each block that is touched takes at most a slot of its own size, the map some nodes. */
static struct run_need data_need(struct run *run, uint64_t ino, uint64_t len)
{
	struct model_node *node = model_find(run->model, ino);
	uid_t payer = node ? node->payer : 0;

	return (struct run_need){
		.amount = {len + 4 * MODEL_PAGE, (len / MODEL_BLOCK + 2) * MODEL_BLOCK + 8192, 0},
		.payers = {payer, payer}};
}

static uint64_t random_file(struct run *run)
{
	return run_node(run, S_IFREG);
}

void op_read(struct run *run)
{
	uint64_t ino = random_file(run);
	size_t len = random_len(run);
	uint64_t off = run_random(run, 20) ? random_off(run, len) : INT64_MAX - run_random(run, 9);
	ssize_t first = model_look(run->model, ino, run->model_buf, len, off), r, more;
	size_t n = first > 0 ? (size_t)first : 0;

	/* A read is of one moment, whatever comes while the disk is at work; but behind the end
	 * that the file had then it looks once more. */
	run_begin(run, "read(%llu, %zu bytes at %llu)", (ull)ino, len, (ull)off);
	run_may_meet(run);
	r = spool_engine_read(run->engine, ino, run->buf, len, off,
			      run_random(run, 2) ? SPOOL_NOWAIT_DISK : 0);
	if (r == SPOOL_WOULD_BLOCK)
		r = spool_engine_read(run->engine, ino, run->buf, len, off, 0);
	if (!run_settle(run, r, NULL))
		return;
	more = model_read(run->model, ino, run->model_buf + n, len - n, off + n);
	run_same(run, more < 0 ? more : more + (ssize_t)n);
	if (r > 0 && memcmp(run->buf, run->model_buf, (size_t)r) != 0)
		run_fail(run, "the bytes that were read differ");
}

void op_write(struct run *run)
{
	uint64_t ino = random_file(run);
	struct model_node *node = model_find(run->model, ino);
	size_t len = random_len(run);
	uint64_t off = random_off(run, len);
	const unsigned char *bytes = run->noise + run_random(run, MODEL_DATA - len + 1);
	unsigned int flags = (unsigned int)run_random(run, 2) | run_kill_flag(run);
	struct run_need need;
	ssize_t r;

	if (node && node->size <= MODEL_DATA - len && run_random(run, 3) == 0)
		off = node->size;
	else if (run_random(run, 40) == 0)
		off = (uint64_t)INT64_MAX + run_random(run, 3);
	/* the first block alone decides whether nothing at all can be written */
	need = data_need(run, ino, len < MODEL_BLOCK ? len : MODEL_BLOCK);
	run_begin(run, "write(%llu, %zu bytes at %llu, flags 0x%x)", (ull)ino, len, (ull)off,
		  flags);
	run->may_use_reserve = flags & SPOOL_WRITE_PAGEOUT;
	run->touched[0] = ino;
	if (off / MODEL_BLOCK == (off + len) / MODEL_BLOCK)
		run_may_meet(run); /* of several blocks the first may be written before that */
	r = spool_engine_write(run->engine, ino, bytes, len, off, flags | run->flags);
	if (!run_settle(run, r, &need))
		return;
	need = data_need(run, ino, len);
	if (r > 0 && (size_t)r < len) {
		if ((off + (uint64_t)r) % MODEL_BLOCK != 0)
			run_fail(run, "a write was cut short within a block");
		if (!run_excusable(run, &need))
			run_fail(run, "a write was cut short for no reason");
		len = (size_t)r;
	}
	run_same(run, model_write(run->model, ino, bytes, len, off, flags));
}

void op_fallocate(struct run *run)
{
	static const int keep = FALLOC_FL_KEEP_SIZE;
	static const int choice[] = {0,
				     0,
				     keep,
				     FALLOC_FL_PUNCH_HOLE | keep,
				     FALLOC_FL_PUNCH_HOLE | keep,
				     FALLOC_FL_ZERO_RANGE,
				     FALLOC_FL_ZERO_RANGE | keep};
	static const int bad[] = {FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE,
				  FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE};
	int mode = run_random(run, 40) ? choice[run_random(run, 7)] : bad[run_random(run, 4)];
	uint64_t ino = random_file(run), len = random_len(run), off = random_off(run, len);
	struct run_need need = data_need(run, ino, len);
	unsigned int flags = run_kill_flag(run);
	int r;

	if (run_random(run, 40) == 0)
		off = (uint64_t)INT64_MAX - len + 1 + run_random(run, 5);
	run_begin(run, "fallocate(%llu, mode %d, %llu bytes at %llu, flags 0x%x)", (ull)ino, mode,
		  (ull)len, (ull)off, flags);
	run->touched[0] = ino;
	run_may_meet(run);
	r = spool_engine_fallocate(run->engine, ino, mode, off, len, flags | run->flags);
	if (run_settle(run, r, &need))
		run_same(run, model_fallocate(run->model, ino, mode, off, len, flags));
}

void op_seek(struct run *run)
{
	uint64_t ino = random_file(run);
	uint64_t off = run_random(run, 12) ? random_off(run, 0) : run_random(run, 1ull << 40);
	int whence = run_random(run, 2) ? SEEK_DATA : SEEK_HOLE;
	int64_t r;

	run_begin(run, "seek(%llu, %s from %llu)", (ull)ino, whence == SEEK_DATA ? "data" : "hole",
		  (ull)off);
	r = spool_engine_seek(run->engine, ino, off, whence);
	run_settle(run, r, NULL);
	run_same(run, model_seek(run->model, ino, off, whence));
}

void op_copy(struct run *run)
{
	uint64_t src = random_file(run), dst = run_random(run, 4) ? random_file(run) : src;
	size_t len = random_len(run);
	uint64_t src_off = random_off(run, len), dst_off = random_off(run, len);
	struct run_need need = data_need(run, dst, len);
	unsigned int flags = run_kill_flag(run);
	ssize_t r;

	/* After a failure in its middle a copy within a file goes on from there in other steps,
	 * and how many reserved pages become data depends on them. */
	if (run->oom && src == dst)
		return;
	if (run_random(run, 2)) { /* as cp does it */
		src_off &= ~(uint64_t)(MODEL_PAGE - 1);
		dst_off = src_off;
	}
	if (run_random(run, 40) == 0)
		dst_off = (uint64_t)INT64_MAX + run_random(run, 2);
	run_begin(run, "copy_range(%llu at %llu, %llu at %llu, %zu bytes, flags 0x%x)", (ull)src,
		  (ull)src_off, (ull)dst, (ull)dst_off, len, flags);
	run->touched[0] = dst;
	run->touched[1] = src;
	r = spool_engine_copy_range(run->engine, src, src_off, dst, dst_off, len,
				    flags | run->flags);
	if (!run_settle(run, r, &need))
		return;
	if (r > 0 && (size_t)r < len && run_excusable(run, &need))
		len = (size_t)r;
	run_same(run, model_copy(run->model, src, src_off, dst, dst_off, len, flags));
}
