/* SPDX-License-Identifier: MIT */
#include "fault_backing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "util/macros.h"
#include "util/rbtree.h"

#define PAGE SPOOL_BACKING_ALIGN

struct page {
	RB_ENTRY(page) link;
	uint64_t number;
	unsigned char bytes[PAGE];
};

RB_HEAD(page_tree, page);

struct fault_file {
	struct page_tree pages;
};

static int compare_pages(const struct page *a, const struct page *b)
{
	return (a->number > b->number) - (a->number < b->number);
}

SPOOL_RB_GENERATE(page_tree, page, link, compare_pages)

/* What is not asked for as the interface says is a mistake of the code under test. */
static void must(bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "fault_backing: %s\n", what);
	abort();
}

static void *must_alloc(void *old, size_t size)
{
	void *ptr = realloc(old, size);

	must(ptr != NULL, "no memory");
	return ptr;
}

static struct fault_backing *fault_of(struct spool_backing *backing)
{
	return spool_container_of(backing, struct fault_backing, backing);
}

/* A call that waits; on its thread's stack. */
struct fault_waiter {
	TAILQ_ENTRY(fault_waiter) link;
	enum fault_call kind;
	bool go;
};

static void let_go(struct fault_backing *fault, struct fault_waiter *waiter)
{
	TAILQ_REMOVE(&fault->waiters, waiter, link);
	waiter->go = true;
	fault->blocked--;
	pthread_cond_broadcast(&fault->changed);
}

static void wait_at_gate(struct fault_backing *fault, enum fault_call kind)
{
	struct fault_waiter waiter = {.kind = kind};

	if (!(fault->closed & 1u << kind))
		return;
	TAILQ_INSERT_TAIL(&fault->waiters, &waiter, link);
	fault->blocked++;
	pthread_cond_broadcast(&fault->changed);
	while (!waiter.go)
		pthread_cond_wait(&fault->changed, &fault->lock);
}

/* Every call begins here: takes the lock, waits at the gate. Return: 0; the error that is due. */
static int enter(struct fault_backing *fault, enum fault_call kind)
{
	long call;

	if (fault->during && (kind == FAULT_READ || kind == FAULT_WRITE))
		fault->during(fault->during_ctx);
	pthread_mutex_lock(&fault->lock);
	fault->calls[kind]++;
	wait_at_gate(fault, kind);
	if (fault->armed[kind].nth == 0)
		return 0;
	call = ++fault->armed[kind].calls;
	if (call != fault->armed[kind].nth &&
	    !(fault->armed[kind].persistent && call > fault->armed[kind].nth))
		return 0;
	fault->fired[kind] = true;
	return fault->armed[kind].error;
}

static int leave(struct fault_backing *fault, int r)
{
	pthread_mutex_unlock(&fault->lock);
	return r;
}

static struct fault_file *file_at(struct fault_backing *fault, int number)
{
	must(number >= 0 && number < fault->n_files && fault->files[number], "no such file");
	return fault->files[number];
}

static void remove_page(struct fault_backing *fault, struct fault_file *file, struct page *page)
{
	RB_REMOVE(page_tree, &file->pages, page);
	free(page);
	fault->bytes -= PAGE;
}

static void remove_file(struct fault_backing *fault, int number)
{
	struct fault_file *file = fault->files[number];
	struct page *page;

	while ((page = RB_MIN(page_tree, &file->pages)))
		remove_page(fault, file, page);
	free(file);
	fault->files[number] = NULL;
	fault->live--;
}

static int fault_open(struct spool_backing *backing)
{
	struct fault_backing *fault = fault_of(backing);
	int r = enter(fault, FAULT_OPEN), number = 0;

	if (r < 0)
		return leave(fault, r);
	while (number < fault->n_files && fault->files[number])
		number++;
	if (number == fault->n_files) {
		fault->n_files = number * 2 + 1;
		fault->files = must_alloc(fault->files,
					  (size_t)fault->n_files * sizeof(struct fault_file *));
		for (int i = number; i < fault->n_files; i++)
			fault->files[i] = NULL;
	}
	fault->files[number] = must_alloc(NULL, sizeof(struct fault_file));
	RB_INIT(&fault->files[number]->pages);
	fault->live++;
	return leave(fault, number);
}

static void fault_close(struct spool_backing *backing, int number)
{
	struct fault_backing *fault = fault_of(backing);

	enter(fault, FAULT_CLOSE);
	file_at(fault, number);
	remove_file(fault, number);
	leave(fault, 0);
}

static int write_page(struct fault_backing *fault, struct fault_file *file, uint64_t number,
		      const void *bytes)
{
	struct page key = {.number = number};
	struct page *page = RB_FIND(page_tree, &file->pages, &key);

	if (!page) {
		if (fault->bytes + PAGE > fault->capacity)
			return -ENOSPC;
		page = must_alloc(NULL, sizeof(*page));
		page->number = number;
		RB_INSERT(page_tree, &file->pages, page);
		fault->bytes += PAGE;
		fault->peak = spool_max_u64(fault->peak, fault->bytes);
	}
	memcpy(page->bytes, bytes, PAGE);
	return 0;
}

static int read_page(struct fault_file *file, uint64_t number, void *bytes)
{
	struct page key = {.number = number};
	struct page *page = RB_FIND(page_tree, &file->pages, &key);

	if (!page)
		return -EIO;
	memcpy(bytes, page->bytes, PAGE);
	return 0;
}

static uint64_t pages_of(const struct iovec *iov, int n, uint64_t off)
{
	uint64_t len = 0;

	must(n > 0 && off % PAGE == 0, "an offset that is not aligned, or no data");
	for (int i = 0; i < n; i++) {
		must(iov[i].iov_len % PAGE == 0 && (uintptr_t)iov[i].iov_base % PAGE == 0,
		     "memory that is not aligned");
		len += iov[i].iov_len;
	}
	must(len > 0, "no data");
	return len / PAGE;
}

static int fault_write(struct spool_backing *backing, int number, const struct iovec *iov, int n,
		       uint64_t off)
{
	struct fault_backing *fault = fault_of(backing);
	uint64_t left = pages_of(iov, n, off), at = off / PAGE;
	int due = enter(fault, FAULT_WRITE), r = 0;
	struct fault_file *file = file_at(fault, number);

	if (due < 0)
		left /= 2;
	for (int i = 0; i < n && r == 0; i++) {
		for (size_t done = 0; done < iov[i].iov_len && left > 0 && r == 0; done += PAGE) {
			r = write_page(fault, file, at++, (const char *)iov[i].iov_base + done);
			left--;
		}
	}
	return leave(fault, due < 0 ? due : r);
}

static int fault_read(struct spool_backing *backing, int number, const struct iovec *iov, int n,
		      uint64_t off)
{
	struct fault_backing *fault = fault_of(backing);
	uint64_t at = off / PAGE;
	int r;

	pages_of(iov, n, off);
	r = enter(fault, FAULT_READ);
	for (int i = 0; i < n && r == 0; i++) {
		for (size_t done = 0; done < iov[i].iov_len && r == 0; done += PAGE)
			r = read_page(file_at(fault, number), at++, (char *)iov[i].iov_base + done);
	}
	return leave(fault, r);
}

static int fault_punch(struct spool_backing *backing, int number, uint64_t off, uint64_t len)
{
	struct fault_backing *fault = fault_of(backing);
	int r = enter(fault, FAULT_PUNCH);
	struct fault_file *file = file_at(fault, number);
	struct page key = {.number = off / PAGE};
	struct page *page;

	must(off % PAGE == 0 && len % PAGE == 0 && len > 0, "a hole that is not aligned");
	while (r == 0 && (page = RB_NFIND(page_tree, &file->pages, &key)) &&
	       page->number < (off + len) / PAGE)
		remove_page(fault, file, page);
	return leave(fault, r);
}

static int fault_space(struct spool_backing *backing, struct spool_space *ret)
{
	struct fault_backing *fault = fault_of(backing);
	int r = enter(fault, FAULT_SPACE);

	if (r == 0) {
		ret->total = fault->capacity;
		ret->free = fault->capacity - spool_min_u64(fault->capacity, fault->bytes);
	}
	return leave(fault, r);
}

static void fault_free(struct spool_backing *backing)
{
	must(fault_of(backing)->live == 0, "freed with open files");
}

void fault_backing_init(struct fault_backing *fault)
{
	static const struct spool_backing_ops ops = {
		.open = fault_open,
		.close = fault_close,
		.write = fault_write,
		.read = fault_read,
		.punch = fault_punch,
		.space = fault_space,
		.free = fault_free,
	};

	memset(fault, 0, sizeof(*fault));
	fault->backing.ops = &ops;
	fault->backing.max_file = (uint64_t)1 << 40;
	fault->capacity = (uint64_t)1 << 40;
	TAILQ_INIT(&fault->waiters);
	pthread_mutex_init(&fault->lock, NULL);
	pthread_cond_init(&fault->changed, NULL);
}

void fault_backing_fini(struct fault_backing *fault)
{
	for (int i = 0; i < fault->n_files; i++) {
		if (fault->files[i])
			remove_file(fault, i);
	}
	free(fault->files);
	fault->files = NULL;
	fault->n_files = 0;
	pthread_cond_destroy(&fault->changed);
	pthread_mutex_destroy(&fault->lock);
}

void fault_backing_arm(struct fault_backing *fault, enum fault_call kind, long nth, bool persistent,
		       int error)
{
	pthread_mutex_lock(&fault->lock);
	fault->armed[kind].nth = nth;
	fault->armed[kind].persistent = persistent;
	fault->armed[kind].error = error;
	fault->armed[kind].calls = 0;
	fault->fired[kind] = false;
	pthread_mutex_unlock(&fault->lock);
}

void fault_backing_capacity(struct fault_backing *fault, uint64_t capacity)
{
	pthread_mutex_lock(&fault->lock);
	fault->capacity = capacity;
	pthread_mutex_unlock(&fault->lock);
}

void fault_backing_gate(struct fault_backing *fault, unsigned int closed)
{
	struct fault_waiter *waiter, *next;

	pthread_mutex_lock(&fault->lock);
	fault->closed = closed;
	for (waiter = TAILQ_FIRST(&fault->waiters); waiter; waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if (!(closed & 1u << waiter->kind))
			let_go(fault, waiter);
	}
	pthread_mutex_unlock(&fault->lock);
}

void fault_backing_pass(struct fault_backing *fault, unsigned int i)
{
	struct fault_waiter *waiter;

	pthread_mutex_lock(&fault->lock);
	waiter = TAILQ_FIRST(&fault->waiters);
	while (waiter && i-- > 0)
		waiter = TAILQ_NEXT(waiter, link);
	must(waiter != NULL, "so many do not wait");
	let_go(fault, waiter);
	pthread_mutex_unlock(&fault->lock);
}

void fault_backing_wait_blocked(struct fault_backing *fault, unsigned int n)
{
	pthread_mutex_lock(&fault->lock);
	while (fault->blocked < n)
		pthread_cond_wait(&fault->changed, &fault->lock);
	pthread_mutex_unlock(&fault->lock);
}

size_t fault_backing_spoil(struct fault_backing *fault)
{
	size_t n = 0;

	pthread_mutex_lock(&fault->lock);
	for (int i = 0; i < fault->n_files; i++) {
		struct page *page;

		if (!fault->files[i])
			continue;
		RB_FOREACH (page, page_tree, &fault->files[i]->pages) {
			page->bytes[n * 61 % PAGE] ^= (unsigned char)(1u << n % 8);
			n++;
		}
	}
	pthread_mutex_unlock(&fault->lock);
	return n;
}

bool fault_backing_holds(struct fault_backing *fault, const void *text, size_t len)
{
	bool found = false;

	pthread_mutex_lock(&fault->lock);
	for (int i = 0; i < fault->n_files && !found; i++) {
		struct page *page;

		if (!fault->files[i])
			continue;
		RB_FOREACH (page, page_tree, &fault->files[i]->pages) {
			if (memmem(page->bytes, PAGE, text, len)) {
				found = true;
				break;
			}
		}
	}
	pthread_mutex_unlock(&fault->lock);
	return found;
}
