/* SPDX-License-Identifier: MIT */

/*
 * What the naive model knows of file data: a buffer, and for each 4 KiB page whether it is a
 * hole, holds data, or is only reserved. A reserved page counts as a hole, until something of its
 * 64 KiB block holds data; then it holds zeros.
 */

#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PER_BLOCK (MODEL_BLOCK / MODEL_PAGE)

int model_file(struct model *m, uint64_t ino, struct model_node **ret)
{
	*ret = model_find(m, ino);
	if (!*ret)
		return -ESTALE;
	if (model_is_file(*ret))
		return (*ret)->wiped ? -EIO : 0;
	return model_is_dir(*ret) ? -EISDIR : -EINVAL;
}

uint64_t model_pages(const struct model_node *node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < MODEL_PAGES; i++)
		n += node->pages[i] != MODEL_HOLE;
	return n;
}

uint64_t model_blocks(const struct model_node *node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < MODEL_PAGES; i += PER_BLOCK) {
		static const unsigned char holes[PER_BLOCK];

		n += memcmp(node->pages + i, holes, PER_BLOCK) != 0;
	}
	return n;
}

static void grow(struct model_node *node, uint64_t size)
{
	if (size > node->size)
		node->size = size;
}

/* Whole pages of [off, end) become holes, the rest of it zeros. */
static void punch(struct model_node *node, uint64_t off, uint64_t end)
{
	if (end > MODEL_DATA)
		end = MODEL_DATA;
	if (off >= end)
		return;
	if (node->data)
		memset(node->data + off, 0, end - off);
	for (uint64_t page = (off + MODEL_PAGE - 1) / MODEL_PAGE; page < end / MODEL_PAGE; page++)
		node->pages[page] = MODEL_HOLE;
}

int model_size(struct model_node *node, uint64_t size)
{
	if (size <= node->size)
		punch(node, size, MODEL_DATA);
	node->size = size;
	return 0;
}

void model_wipe(struct model_node *node)
{
	punch(node, 0, MODEL_DATA);
	node->wiped = true;
}

void model_drop_orphans(struct model *m)
{
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct model_node *node = &m->nodes[i];

		if (!model_is_file(node) || node->n_open > 0 || node->tmpfile ||
		    model_names(m, node->ino) > 0)
			continue;
		punch(node, 0, MODEL_DATA);
		node->dropped = true;
	}
}

void model_peek(const struct model_node *node, void *buf, size_t len, uint64_t off)
{
	size_t n = 0;

	if (node->data && off < MODEL_DATA) {
		n = len < MODEL_DATA - off ? len : MODEL_DATA - off;
		memcpy(buf, node->data + off, n);
	}
	memset((char *)buf + n, 0, len - n);
}

ssize_t model_look(struct model *m, uint64_t ino, void *buf, size_t len, uint64_t off)
{
	struct model_node *node;
	int r = model_file(m, ino, &node);

	if (r < 0)
		return r;
	if (off >= node->size)
		len = 0;
	else if (len > node->size - off)
		len = node->size - off;
	model_peek(node, buf, len, off);
	return (ssize_t)len;
}

ssize_t model_read(struct model *m, uint64_t ino, void *buf, size_t len, uint64_t off)
{
	ssize_t r = model_look(m, ino, buf, len, off);

	if (r >= 0)
		model_accessed(m, model_find(m, ino));
	return r;
}

static void store(struct model_node *node, const void *buf, size_t len, uint64_t off)
{
	if (off + len > MODEL_DATA)
		abort(); /* the caller stays below */
	if (!node->data)
		node->data = calloc(1, MODEL_DATA);
	memcpy(node->data + off, buf, len);
	for (uint64_t page = off / MODEL_PAGE; page * MODEL_PAGE < off + len; page++)
		node->pages[page] = MODEL_FULL;
	grow(node, off + len);
}

ssize_t model_write(struct model *m, uint64_t ino, const void *buf, size_t len, uint64_t off,
		    unsigned int flags)
{
	struct model_node *node;
	int r = model_file(m, ino, &node);

	if (r < 0 || len == 0)
		return r;
	if (off >= INT64_MAX)
		return -EFBIG;
	store(node, buf, len, off);
	node->written = true;
	if (node->mtime_set && flags == SPOOL_WRITE_PAGEOUT)
		return (ssize_t)len;
	if (flags & SPOOL_KILL_SUIDGID)
		model_kill_set_ids(node);
	model_times(m, node, "mc");
	return (ssize_t)len;
}

static void reserve(struct model_node *node, uint64_t off, uint64_t end)
{
	for (uint64_t page = off / MODEL_PAGE; page * MODEL_PAGE < end; page++) {
		if (node->pages[page] == MODEL_HOLE)
			node->pages[page] = MODEL_RESERVED;
	}
}

int model_fallocate(struct model *m, uint64_t ino, int mode, uint64_t off, uint64_t len,
		    unsigned int flags)
{
	const int keep = FALLOC_FL_KEEP_SIZE;
	struct model_node *node;
	int r = model_file(m, ino, &node);

	if (r < 0)
		return r;
	if ((mode & ~keep) != 0 && mode != (FALLOC_FL_PUNCH_HOLE | keep) &&
	    (mode & ~keep) != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if (len == 0)
		return -EINVAL;
	if (off + len < off || off + len > INT64_MAX)
		return -EFBIG;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		punch(node, off, off + len);
	} else {
		if (off + len > MODEL_DATA)
			abort(); /* the caller stays below */
		reserve(node, off, off + len);
		if ((mode & FALLOC_FL_ZERO_RANGE) && node->data)
			memset(node->data + off, 0, len);
		if (!(mode & keep))
			grow(node, off + len);
	}
	node->written |= node->size > 0;
	if (flags & SPOOL_KILL_SUIDGID)
		model_kill_set_ids(node);
	model_times(m, node, "mc");
	return 0;
}

static bool is_data(const struct model_node *node, uint64_t off)
{
	return off < MODEL_DATA && node->pages[off / MODEL_PAGE] == MODEL_FULL;
}

static int64_t seek(const struct model_node *node, uint64_t off, int whence)
{
	if (off >= node->size)
		return -ENXIO;
	while (off < node->size) {
		if (is_data(node, off) == (whence == SEEK_DATA))
			return (int64_t)off;
		if (off >= MODEL_DATA)
			break; /* one hole to the end */
		off = (off / MODEL_PAGE + 1) * MODEL_PAGE;
	}
	return whence == SEEK_DATA ? -ENXIO : (int64_t)node->size;
}

int64_t model_seek(struct model *m, uint64_t ino, uint64_t off, int whence)
{
	struct model_node *node;
	int r = model_file(m, ino, &node);

	return r < 0 ? r : seek(node, off, whence);
}

/* Where the hole or the data of @off end, at most at @end. */
static uint64_t stretch(const struct model_node *node, uint64_t off, uint64_t end, bool data)
{
	int64_t stop = seek(node, off, data ? SEEK_HOLE : SEEK_DATA);

	return stop < 0 || (uint64_t)stop > end ? end : (uint64_t)stop;
}

static void copy(struct model_node *from, uint64_t src_off, struct model_node *to, uint64_t dst_off,
		 uint64_t len)
{
	static unsigned char bounce[MODEL_BLOCK];
	uint64_t end = src_off + len;

	while (src_off < end) {
		bool data = is_data(from, src_off);
		uint64_t n = stretch(from, src_off, end, data) - src_off;

		if (data) {
			n = n < MODEL_BLOCK ? n : MODEL_BLOCK;
			model_peek(from, bounce, n, src_off);
			store(to, bounce, n, dst_off);
		} else { /* holes are copied as holes */
			punch(to, dst_off, dst_off + n);
			grow(to, dst_off + n);
		}
		src_off += n;
		dst_off += n;
	}
}

ssize_t model_copy(struct model *m, uint64_t src, uint64_t src_off, uint64_t dst, uint64_t dst_off,
		   size_t len, unsigned int flags)
{
	struct model_node *from, *to;
	int r = model_file(m, src, &from);

	if (r == 0)
		r = model_file(m, dst, &to);
	if (r < 0 || len == 0 || src_off >= from->size)
		return r;
	if (dst_off >= INT64_MAX)
		return -EFBIG;
	len = len < from->size - src_off ? len : from->size - src_off;
	if (from == to && src_off < dst_off + len && dst_off < src_off + len)
		return -EINVAL;
	copy(from, src_off, to, dst_off, len);
	to->written = true;
	if (flags & SPOOL_KILL_SUIDGID)
		model_kill_set_ids(to);
	model_times(m, to, "mc");
	model_accessed(m, from);
	return (ssize_t)len;
}
