/* SPDX-License-Identifier: MIT */
#include "fake_life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits, as of 65,536 groups (NGROUPS_MAX, limits.h). */
#define MANY_GROUPS 400000

static void *grow(void *old, size_t *room, size_t n, size_t size)
{
	if (n < *room)
		return old;
	*room = *room ? *room * 2 : 64;
	old = realloc(old, *room * size);
	return old ? old : (abort(), NULL);
}

static size_t index_of(const struct fake_life *life, pid_t pid)
{
	return pid > 0 && (size_t)pid < FAKE_PIDS ? life->by_pid[pid] - 1 : SIZE_MAX;
}

struct fake_process *fake_find(struct fake_life *life, pid_t pid)
{
	size_t i = index_of(life, pid);

	return i == SIZE_MAX ? NULL : &life->processes[i];
}

struct fake_process *fake_start(struct fake_life *life, pid_t pid, uid_t uid, uint32_t audit,
				pid_t sid)
{
	struct fake_process *process;

	life->processes = grow(life->processes, &life->room, life->n, sizeof(*life->processes));
	process = &life->processes[life->n++];
	*process = (struct fake_process){.pid = pid,
					 .sid = sid,
					 .start = ++life->starts,
					 .uids = {uid, uid, uid, uid},
					 .audit = audit,
					 .name = "a) (b\n",
					 .alive = true,
					 .threads = 1};
	life->by_pid[pid] = life->n;
	life->last = pid;
	return process;
}

struct fake_process *fake_fork(struct fake_life *life, const struct fake_process *like)
{
	const struct fake_process parent = *like;
	struct fake_process *process;
	pid_t pid = life->last;

	do
		pid = pid + 1 < (pid_t)FAKE_PIDS ? pid + 1 : 1;
	while (fake_find(life, pid));
	process = fake_start(life, pid, parent.uids[0], parent.audit, parent.sid);
	snprintf(process->cgroup, sizeof(process->cgroup), "%s", parent.cgroup);
	return process;
}

struct fake_process *fake_thread(struct fake_life *life, pid_t tid, pid_t leader)
{
	struct fake_process like = *fake_find(life, leader), *thread;

	fake_find(life, leader)->threads++;
	thread = fake_start(life, tid, 0, 0, 0);
	like.pid = tid;
	like.leader = leader;
	like.start = thread->start;
	like.threads++;
	like.zombie = false;
	*thread = like;
	return thread;
}

static void tell(struct fake_life *life, uint64_t token)
{
	life->events = grow(life->events, &life->event_room, life->n_events, sizeof(*life->events));
	life->events[life->n_events++] = token;
}

static bool lies_in(const char *cgroup, const char *path)
{
	size_t len = strlen(path);

	return strncmp(cgroup, path, len) == 0 && (cgroup[len] == '\0' || cgroup[len] == '/');
}

static bool has_members(const struct fake_life *life, const char *path)
{
	for (size_t i = 0; i < life->n; i++) {
		const struct fake_process *process = &life->processes[i];

		if (process->alive && !process->zombie && lies_in(process->cgroup, path))
			return true;
	}
	return false;
}

static void tell_cgroups(struct fake_life *life)
{
	for (size_t i = 0; i < life->n_handles; i++) {
		struct fake_handle *handle = &life->handles[i];
		bool populated;

		if (handle->kind != FAKE_CGROUP)
			continue;
		populated = has_members(life, handle->path);
		if (populated != handle->populated)
			tell(life, handle->token);
		handle->populated = populated;
	}
}

void fake_end(struct fake_life *life, pid_t pid)
{
	size_t process = index_of(life, pid);

	life->processes[process].alive = false;
	if (fake_find(life, life->processes[process].leader))
		fake_find(life, life->processes[process].leader)->threads--;
	life->by_pid[pid] = 0;
	for (size_t i = 0; i < life->n_handles; i++) {
		if (life->handles[i].kind == FAKE_PIDFD && life->handles[i].process == process)
			tell(life, life->handles[i].token);
	}
	tell_cgroups(life);
}

void fake_move(struct fake_life *life, pid_t pid, const char *cgroup)
{
	struct fake_process *process = fake_find(life, pid);

	snprintf(process->cgroup, sizeof(process->cgroup), "%s", cgroup);
	tell_cgroups(life);
}

static int new_handle(struct fake_life *life, const struct fake_handle *wanted)
{
	size_t i = life->first_free;

	while (i < life->n_handles && life->handles[i].kind != FAKE_FREE)
		i++;
	life->first_free = i + 1;
	if (i == life->n_handles) {
		life->handles = realloc(life->handles, ++life->n_handles * sizeof(*wanted));
		if (!life->handles)
			abort();
	}
	life->handles[i] = *wanted;
	life->handles_open++;
	return (int)i;
}

static bool is_wrong(const struct fake_life *life, pid_t pid)
{
	return life->error_pid == 0 || life->error_pid == pid;
}

static int open_process(void *ctx, pid_t pid)
{
	struct fake_life *life = ctx;
	struct fake_handle handle = {.kind = FAKE_PROCESS, .process = index_of(life, pid)};

	life->opens++;
	if (life->open_error && is_wrong(life, pid))
		return life->open_error;
	return handle.process == SIZE_MAX ? -ESRCH : new_handle(life, &handle);
}

static int open_file(void *ctx, int process, pid_t pid, enum spool_process_file file)
{
	struct fake_life *life = ctx;
	struct fake_handle handle = {.kind = FAKE_FILE, .file = file};

	life->opens++;
	handle.process = process < 0 ? index_of(life, pid) : life->handles[process].process;
	if (life->open_error && is_wrong(life, pid))
		return life->open_error;
	if (life->max_handles && life->handles_open >= life->max_handles)
		return -EMFILE;
	if (file == SPOOL_PROCESS_SESSIONID && life->system.no_audit)
		return -ESRCH;
	return handle.process == SIZE_MAX ? -ESRCH : new_handle(life, &handle);
}

static uid_t owner_of(void *ctx, int file)
{
	const struct fake_life *life = ctx;

	return life->processes[life->handles[file].process].uids[1];
}

static int print(const struct fake_process *process, enum spool_process_file file, char *buf,
		 size_t size)
{
	switch (file) {
	case SPOOL_PROCESS_STAT:
		return snprintf(buf, size,
				"%d (%s) %c 1 1 %d 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 %u 0 "
				"%llu 1 2",
				process->pid, process->name, process->zombie ? 'Z' : 'S',
				process->sid, process->threads, (unsigned long long)process->start);
	case SPOOL_PROCESS_STATUS:
		return snprintf(buf, size,
				"Name:\tx\nTgid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t0\t0\t0\t0\n"
				"Groups:\t%0*d\nNSpid:\t%d\n",
				process->leader ? process->leader : process->pid, process->uids[0],
				process->uids[1], process->uids[2], process->uids[3],
				process->has_many_groups ? MANY_GROUPS : 1, 0, process->pid);
	case SPOOL_PROCESS_SESSIONID:
		return snprintf(buf, size, "%u", process->audit);
	case SPOOL_PROCESS_CGROUP:
		return snprintf(buf, size, "2:cpu:/\n1:name=systemd:%s\n0::%s\n",
				*process->v1 ? process->v1 : "/",
				*process->cgroup ? process->cgroup : "/");
	}
	return 0;
}

static ssize_t read_file(void *ctx, int file, char *buf, size_t size)
{
	struct fake_life *life = ctx;
	const struct fake_process *process = &life->processes[life->handles[file].process];
	pid_t pid = process->pid;
	int n;

	if (++life->reads == life->hook_at)
		life->hook(life);
	process = life->weak ? fake_find(life, pid) : &life->processes[life->handles[file].process];
	if (life->read_error && is_wrong(life, pid))
		return life->read_error;
	if (!process || !process->alive)
		return -ESRCH;
	n = print(process, life->handles[file].file, buf, size);
	return n < (int)size ? n : -E2BIG;
}

static int sid_of(void *ctx, pid_t pid)
{
	struct fake_life *life = ctx;
	const struct fake_process *process;

	if (++life->reads == life->hook_at)
		life->hook(life);
	process = fake_find(life, pid);
	if (life->sid_error)
		return life->sid_error;
	return process ? process->sid : -ESRCH;
}

static int compare(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* As the kernel: by number, and with those that begin meanwhile if they come behind the last. */
static int list(void *ctx, spool_each_process_fn each, void *arg)
{
	struct fake_life *life = ctx;
	size_t n = life->n;
	pid_t *pids = calloc(n + 1, sizeof(*pids)), last;
	int r = 0;

	life->lists++;
	for (size_t i = 0; i < n; i++)
		pids[i] = life->processes[i].alive && !life->processes[i].leader
				  ? life->processes[i].pid
				  : 0;
	qsort(pids, n, sizeof(*pids), compare);
	last = n > 0 ? pids[n - 1] : 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (pids[i])
			r = each(arg, pids[i]);
		if (pids[i] && pids[i] == life->hook_pid)
			life->hook(life);
	}
	for (size_t i = n; i < life->n && r == 0; i++) {
		if (life->processes[i].alive && !life->processes[i].leader &&
		    life->processes[i].pid > last)
			r = each(arg, life->processes[i].pid);
	}
	free(pids);
	return r < 0 ? r : life->list_error;
}

static int list_threads(void *ctx, pid_t pid, spool_each_process_fn each, void *arg)
{
	struct fake_life *life = ctx;
	size_t n = life->n;
	int r = 0;

	life->thread_lists++;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (life->processes[i].alive && life->processes[i].leader == pid)
			r = each(arg, life->processes[i].pid);
	}
	return r;
}

static int last_number(void *ctx)
{
	const struct fake_life *life = ctx;

	return life->number_error ? life->number_error : life->last;
}

static int watch_process(void *ctx, pid_t pid, uint64_t token)
{
	struct fake_life *life = ctx;
	struct fake_handle handle = {
		.kind = FAKE_PIDFD, .process = index_of(life, pid), .token = token};

	if (life->watch_error)
		return life->watch_error;
	if (handle.process == SIZE_MAX)
		return -ESRCH;
	if (life->processes[handle.process].leader)
		return -ENOENT;
	if (life->pidfds >= life->max_pidfds)
		return -EMFILE;
	life->pidfds++;
	return new_handle(life, &handle);
}

static int watch_cgroup(void *ctx, const char *path, uint64_t token)
{
	struct fake_life *life = ctx;
	struct fake_handle handle = {.kind = FAKE_CGROUP, .token = token, .populated = true};

	if (life->no_events)
		return -EOPNOTSUPP;
	snprintf(handle.path, sizeof(handle.path), "%s", path);
	return new_handle(life, &handle);
}

static int is_populated(void *ctx, int watch)
{
	const struct fake_life *life = ctx;

	return has_members(life, life->handles[watch].path);
}

static void close_handle(void *ctx, int handle)
{
	struct fake_life *life = ctx;

	if (handle < 0)
		return;
	life->pidfds -= life->handles[handle].kind == FAKE_PIDFD;
	life->handles[handle].kind = FAKE_FREE;
	if ((size_t)handle < life->first_free)
		life->first_free = (size_t)handle;
	life->handles_open--;
}

static uint64_t now_ms(void *ctx)
{
	const struct fake_life *life = ctx;

	return life->clock_ms;
}

static void rest(void *ctx)
{
	struct fake_life *life = ctx;

	life->rests++;
	if (life->on_rest)
		life->on_rest(life);
}

void fake_life_init(struct fake_life *life)
{
	*life = (struct fake_life){
		.system = {life, open_process, open_file, read_file, owner_of, sid_of, list,
			   list_threads, last_number, watch_process, watch_cgroup, is_populated,
			   close_handle, now_ms, rest, false},
		.clock_ms = 1000,
		.max_pidfds = 1 << 20,
	};
	fake_start(life, 1, 0, FAKE_UNSET, 1);
}

void fake_life_fini(struct fake_life *life)
{
	free(life->processes);
	free(life->handles);
	free(life->events);
}

static void deliver(struct fake_life *life, struct spool_sessions *sessions)
{
	for (size_t i = 0; i < life->n_events; i++)
		spool_sessions_event(sessions, life->events[i]);
	life->n_events = 0;
}

void fake_pass(struct fake_life *life, struct spool_sessions *sessions, uint64_t ms)
{
	uint64_t until = life->clock_ms + ms;

	for (;;) {
		int timeout;

		deliver(life, sessions);
		timeout = spool_sessions_run(sessions);
		if (life->n_events > 0)
			continue;
		if (timeout < 0 || life->clock_ms + (uint64_t)timeout > until)
			break;
		life->clock_ms += (uint64_t)timeout;
	}
	life->clock_ms = until;
}
