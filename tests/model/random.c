/* SPDX-License-Identifier: MIT */

/* Random choices: mostly of what exists, now and then of what does not. */

#include "run.h"

#include <string.h>
#include <sys/stat.h>

#include "util/macros.h"

uint64_t run_random(struct run *run, uint64_t n)
{
	return rig_random(&run->rng, n);
}

unsigned int run_kill_flag(struct run *run)
{
	return run_random(run, 2) ? SPOOL_KILL_SUIDGID : 0;
}

struct spool_cred run_cred(struct run *run)
{
	static const mode_t umasks[] = {022, 022, 0, 077};

	return (struct spool_cred){
		.uid = run_uids[run_random(run, RUN_UIDS)],
		.gid = run_uids[run_random(run, RUN_UIDS)],
		.pid = 1,
		.umask = umasks[run_random(run, 4)],
		.session = life_session(run),
	};
}

uint64_t run_node(struct run *run, mode_t type)
{
	const struct model *m = run->model;
	const struct model_node *node = NULL;

	if (run_random(run, 60) == 0) /* one that is gone, that never was, or any */
		return run_random(run, m->last_ino + 5);
	for (int i = 0; i < 12; i++) {
		node = &m->nodes[run_random(run, m->n_nodes)];
		if (type == 0 || (node->mode & S_IFMT) == type)
			break;
	}
	return node->ino;
}

uint64_t run_dir(struct run *run)
{
	return run_node(run, S_IFDIR);
}

const char *run_name(struct run *run)
{
	static const char *const names[] = {"a", "b", "c",  "d",    "e",
					    "f", "g", "hh", "self", "1000"};
	static const char *const bad[] = {"", ".", "..", "a/b"};
	static char text[SPOOL_NAME_MAX + 2];
	size_t len = SPOOL_NAME_MAX;

	switch (run_random(run, 40)) {
	case 0:
		return bad[run_random(run, SPOOL_ARRAY_SIZE(bad))];
	case 1:
		len = SPOOL_NAME_MAX + 1;
		break;
	case 2:
	case 3:
	case 4:
		len = SPOOL_NAME_MAX - run_random(run, 3);
		break;
	default:
		return names[run_random(run, SPOOL_ARRAY_SIZE(names))];
	}
	memset(text, 'n', len);
	text[len] = '\0';
	return text;
}

void run_entry(struct run *run, uint64_t *ret_dir, char *name)
{
	const struct model *m = run->model;

	if (m->n_entries > 0 && run_random(run, 4)) {
		const struct model_entry *entry = &m->entries[run_random(run, m->n_entries)];

		*ret_dir = entry->dir;
		strcpy(name, entry->name);
		return;
	}
	*ret_dir = run_dir(run);
	strcpy(name, run_name(run));
}

mode_t run_mode(struct run *run)
{
	static const mode_t modes[] = {0600, 0644, 0755, 0777, 02755, 04755, 06711, 01777, 0, 0700};

	if (run_random(run, 4) == 0)
		return (mode_t)run_random(run, 010000);
	return modes[run_random(run, SPOOL_ARRAY_SIZE(modes))];
}
