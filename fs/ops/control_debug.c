/* SPDX-License-Identifier: MIT */
#include "ops/control_debug.h"

/*
 * Each section writes lines from a position on, until the page is full. Nothing here waits for the
 * disk, and each lock is held for one snapshot only. There are numbers, names of ours and uids in
 * the text, and nothing of what files are called or contain.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "background/sessions.h"
#include "ctl/names.h"
#include "host/clock.h"
#include "host/pulse.h"
#include "ops/control_call.h"
#include "ops/debug_page.h"
#include "transport/ring.h"
#include "transport/waiting.h"
#include "util/macros.h"
#include "wait/for_disk.h"
#include "wait/notify.h"
#include "wait/removals.h"

/* Requests that are taken from a queue at once: 4 KiB of stack. A guess. */
#define LIST_MAX 64u

static bool add_tier(struct spool_fs *fs, struct debug_page *page)
{
	struct spool_tier_stat stat;

	if (!spool_engine_tier_stat(fs->engine, &stat))
		return debug_page_add(page, "writeback: none, there is no disk\n");
	return debug_page_add(page,
			      "writeback: %s, stored %" PRIu64 ", written %" PRIu64
			      ", read %" PRIu64 ", batches refused %" PRIu64 ", bad pieces %" PRIu64
			      ", files %u\n",
			      stat.failing ? "the disk does not take data" : "as it should be",
			      stat.stored, stat.written, stat.fetched, stat.n_failed, stat.n_bad,
			      stat.files) &&
	       debug_page_add(page,
			      "disk: free %" PRIu64 " of %" PRIu64 ", %" PRIu64
			      " ms ago, reserve %" PRIu64 ", budget of RAM %" PRIu64 "\n",
			      stat.space_free, stat.space_total, stat.space_age_ms, stat.reserve,
			      stat.budget);
}

static bool add_life(struct spool_fs *fs, struct debug_page *page)
{
	struct spool_removals_stat names;
	struct spool_life_stat life;

	spool_engine_life_stat(fs->engine, &life);
	spool_removals_stat(fs->removals, &names);
	return debug_page_add(page,
			      "sessions: %" PRIu64 ", %" PRIu64
			      " with something to remove, processes known by %s\n",
			      life.sessions, life.ended, spool_life_source(fs->life)) &&
	       debug_page_add(page,
			      "removed: %" PRIu64 " names, tried again %" PRIu64
			      ", directories that wait to be empty %" PRIu64
			      ", closed files that linger %" PRIu64 "\n",
			      life.removed, life.failed, life.waiting, life.lingering) &&
	       debug_page_add(page,
			      "names to tell: %" PRIu64 ", told %" PRIu64 ", left out %" PRIu64
			      ", waited in vain %" PRIu64 "\n",
			      names.waiting, names.told, names.left_out, names.stalls);
}

/* All of it fits into a page that is empty. */
static bool add_mount(struct spool_fs *fs, uint64_t *position, struct debug_page *page)
{
	struct spool_notify_stat notify;
	struct spool_engine_stat engine;
	struct spool_waiting_stat waiting;
	unsigned int busy, threads = spool_for_disk_threads(fs->for_disk, &busy);

	(void)position;
	spool_engine_stat(fs->engine, &engine);
	spool_notify_stat(fs->notify, &notify);
	spool_waiting_stat(fs->waiting, &waiting);
	return debug_page_add(page, "worker: pid %d, transport %s%s\n", getpid(),
			      fs->rings ? "uring" : "dev", fs->stopping ? ", stopping" : "") &&
	       debug_page_add(
		       page,
		       "requests: %" PRIu64 ", retries %" PRIu64 ", payers that wait %" PRIu64
		       ", data of writes that wait %" PRIu64 ", refused %" PRIu64 "\n",
		       fs->requests, fs->retries, waiting.payers, waiting.data, waiting.refused) &&
	       debug_page_add(page, "inodes: %" PRIu64 ", open %" PRIu64 ", orphans %" PRIu64 "\n",
			      engine.inodes, engine.open_files, spool_engine_orphans(fs->engine)) &&
	       debug_page_add(page, "caches: %" PRIu64 " bytes of RAM for data\n",
			      engine.ram_held) &&
	       add_tier(fs, page) && add_life(fs, page) &&
	       debug_page_add(page, "disk threads: %u, %u of them serve\n", threads, busy) &&
	       debug_page_add(page, "notifications: %u in flight, %u queued, threads %u\n",
			      notify.running, notify.queued, notify.threads);
}

/* @position: the number of the request that was shown last. */
static bool add_queue(struct spool_fs *fs, enum spool_ctl_waiting wait, uint64_t *position,
		      struct debug_page *page)
{
	struct spool_waiting_entry entries[LIST_MAX];
	struct spool_waiting_stat stat;
	size_t n;

	spool_waiting_stat(fs->waiting, &stat);
	if (*position == 0 && !debug_page_add(page, "queue %s: %" PRIu64 " wait\n",
					      spool_ctl_name(SPOOL_CTL_QUEUES, wait), stat.n[wait]))
		return false;
	do {
		uint64_t now = spool_clock_ms();

		n = spool_waiting_list(fs->waiting, wait, *position, entries, LIST_MAX);
		for (size_t i = 0; i < n; i++) {
			const struct spool_waiting_entry *entry = &entries[i];

			if (!debug_page_add(page,
					    "  unique %" PRIu64 ", opcode %u, nodeid %" PRIu64
					    ", uid %u, payer %u, %" PRIu64 " ms, attempts %u\n",
					    entry->unique, entry->opcode, entry->nodeid, entry->uid,
					    entry->payer,
					    now > entry->since_ms ? now - entry->since_ms : 0,
					    entry->attempts))
				return false;
			*position = entry->number;
		}
	} while (n == LIST_MAX);
	return true;
}

/* Those that take requests; the others may wait, and have no pulse. @position: how many were shown.
 */
static bool add_threads(struct spool_fs *fs, uint64_t *position, struct debug_page *page)
{
	uint64_t n = fs->pulses ? atomic_load(&fs->pulses->n) : 0;

	if (*position == 0 &&
	    !debug_page_add(page, "threads that take requests: %u\n", fs->n_threads))
		return false;
	for (; *position < spool_min_u64(n, SPOOL_PULSES); (*position)++) {
		struct spool_pulse *pulse = &fs->pulses->pulses[*position];
		uint64_t count = atomic_load_explicit(&pulse->count, memory_order_relaxed);

		if (!debug_page_add(page, "  tid %d, pulse %" PRIu64 ", %s\n",
				    atomic_load(&pulse->tid), count,
				    count % 2 ? "has a request in hand" : "rests"))
			return false;
	}
	return true;
}

static bool add_rings(struct spool_fs *fs, uint64_t *position, struct debug_page *page)
{
	unsigned int all, deferred;

	if (!fs->rings)
		return true;
	while (spool_rings_entry_count(fs->rings, (unsigned int)*position, &all, &deferred)) {
		if (!debug_page_add(page,
				    "ring %" PRIu64 ": %u entries, requests that wait hold %u\n",
				    *position, all, deferred))
			return false;
		(*position)++;
	}
	return true;
}

/* @position: the lowest uid that was not shown. */
static bool add_payers(struct spool_fs *fs, uint64_t *position, struct debug_page *page)
{
	struct spool_usage usage;
	uid_t uid;

	while (spool_engine_next_user(fs->engine, *position, &uid, &usage)) {
		if (!debug_page_add(page,
				    "payer %u: size %" PRIu64 " of %" PRIu64 ", ram %" PRIu64
				    " of %" PRIu64 ", inodes %" PRIu64 " of %" PRIu64
				    ", orphans %" PRIu64 ", %u wait\n",
				    uid, usage.used[SPOOL_RES_SIZE], usage.limit[SPOOL_RES_SIZE],
				    usage.used[SPOOL_RES_RAM], usage.limit[SPOOL_RES_RAM],
				    usage.used[SPOOL_RES_INODES], usage.limit[SPOOL_RES_INODES],
				    spool_engine_orphans_of(fs->engine, uid),
				    spool_waiting_of(fs->waiting, uid)))
			return false;
		*position = (uint64_t)uid + 1;
	}
	return true;
}

static bool add_section(struct spool_fs *fs, unsigned int section, uint64_t *position,
			struct debug_page *page)
{
	switch (section) {
	case DEBUG_MOUNT:
		return add_mount(fs, position, page);
	case DEBUG_THREADS:
		return add_threads(fs, position, page);
	case DEBUG_RINGS:
		return add_rings(fs, position, page);
	case DEBUG_PAYERS:
		return add_payers(fs, position, page);
	default:
		return add_queue(fs, (enum spool_ctl_waiting)(section - DEBUG_QUEUE), position,
				 page);
	}
}

/* Return: 0; -EINVAL. */
static int fill(struct spool_fs *fs, struct spool_ctl_debug *debug)
{
	struct debug_page page = {.text = debug->text, .size = sizeof(debug->text)};
	unsigned int section;
	uint64_t position;

	if (debug->length || !debug_cursor_parse(debug->cursor, &section, &position))
		return -EINVAL;
	while (section < DEBUG_SECTIONS && add_section(fs, section, &position, &page)) {
		section++;
		position = 0;
	}
	debug->length = (uint32_t)page.used;
	memset(debug->text + page.used, 0, sizeof(debug->text) - page.used);
	debug->cursor = section < DEBUG_SECTIONS ? debug_cursor(section, position) : SPOOL_CTL_END;
	return 0;
}

void control_debug(struct control_call *call)
{
	spool_cleanup(free) struct spool_ctl_debug *debug = malloc(sizeof(*debug));
	int r = debug ? control_take_in(debug, sizeof(*debug), call) : -ENOMEM;

	if (r == 0 && !control_may_administer(call))
		r = -EPERM;
	if (r == 0)
		r = fill(call->fs, debug);
	control_answer(call, r, debug, sizeof(*debug));
}
