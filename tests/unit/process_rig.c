/* SPDX-License-Identifier: MIT */
#include "process_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 50 };

static void on_ended(void *ctx, uint64_t id)
{
	struct process_rig *rig = ctx;

	atomic_store(&rig->ended, id);
}

bool rig_init(struct process_rig *rig, enum spool_session_mode mode, unsigned int max_watches)
{
	const struct spool_life_config config = {.mode = mode,
						 .grace_ms = GRACE_MS,
						 .max_watches = max_watches,
						 .ended = on_ended,
						 .ctx = rig};

	rig->ended = SPOOL_SESSION_NONE;
	if (spool_life_new(&config, &rig->life) < 0)
		return false;
	rig->sessions = spool_life_sessions(rig->life);
	return true;
}

void rig_fini(struct process_rig *rig)
{
	spool_life_stop(rig->life);
	spool_life_free(rig->life);
}

bool rig_wait(bool (*is)(struct process_rig *rig, uint64_t arg), struct process_rig *rig,
	      uint64_t arg)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < 600000; i++) {
		if (is(rig, arg))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

bool rig_has_ended(struct process_rig *rig, uint64_t id)
{
	return atomic_load(&rig->ended) == id;
}

bool rig_is_watched(struct process_rig *rig, uint64_t id)
{
	struct spool_session_info info;

	return spool_sessions_info(rig->sessions, id, &info) == 0 &&
	       info.state == SPOOL_SESSION_WATCHED;
}

bool rig_is_member(struct process_rig *rig, uint64_t pid)
{
	struct spool_session_info info;

	return spool_sessions_next(rig->sessions, 0, &info) == 0 &&
	       info.state == SPOOL_SESSION_WATCHED && (uint64_t)info.member == pid;
}

bool rig_log_in(void)
{
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, "54321", 5) == 5;

	close(fd);
	return ok;
}

static _Noreturn void wait_for_death(void)
{
	for (;;)
		pause();
}

bool rig_leave_namespace(void)
{
	return unshare(CLONE_NEWPID) == 0;
}

static pid_t start_job(bool (*leave)(void))
{
	bool before = leave == rig_leave_namespace;
	int ready[2];
	char byte;
	pid_t job;

	if (pipe(ready) < 0 || (before && !leave()))
		_exit(1);
	job = fork();
	if (job == 0) {
		if ((!before && !leave()) || write(ready[1], "r", 1) != 1)
			_exit(1);
		wait_for_death();
	}
	close(ready[1]);
	if (job < 0 || read(ready[0], &byte, 1) != 1)
		_exit(1);
	return job;
}

bool rig_start(struct family *ret, bool (*be)(void), bool (*leave)(void))
{
	int ready[2];

	if (pipe(ready) < 0)
		return false;
	*ret = (struct family){.shell = fork()};
	if (ret->shell == 0) {
		pid_t job;

		if (!be())
			_exit(1);
		job = leave ? start_job(leave) : 0;
		if (write(ready[1], &job, sizeof(job)) != sizeof(job))
			_exit(1);
		wait_for_death();
	}
	close(ready[1]);
	if (read(ready[0], &ret->job, sizeof(ret->job)) == sizeof(ret->job)) {
		close(ready[0]);
		return true;
	}
	close(ready[0]);
	waitpid(ret->shell, NULL, 0);
	return false;
}

void rig_end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

uint64_t rig_make(struct process_rig *rig, pid_t tid, uid_t uid)
{
	const struct spool_creator creator = {.tid = tid, .uid = uid, .owner = uid};
	uint64_t id = spool_sessions_of(rig->sessions, &creator);

	spool_sessions_done(rig->sessions, id, true);
	return id;
}

bool rig_nothing(void)
{
	return true;
}

bool rig_leave_session(void)
{
	return setsid() >= 0;
}

static bool is_used(uid_t uid)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct stat attr;
	bool used = false;

	while (proc && !used && (entry = readdir(proc)))
		used = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		       fstatat(dirfd(proc), entry->d_name, &attr, 0) == 0 && attr.st_uid == uid;
	if (proc)
		closedir(proc);
	return used;
}

/* Whether no other test that runs now has taken it: the name of a socket says so until we end. */
static bool take(uid_t uid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "spoolfs-test-uid-%u",
			 (unsigned int)uid);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0)
		return true;
	close(fd);
	return false;
}

uid_t rig_uid(void)
{
	uid_t first = 20000 + (uid_t)getpid() * 16 % 30000;

	for (uid_t uid = first; uid < first + 1000; uid++) {
		if (!is_used(uid) && take(uid))
			return uid;
	}
	return first; /* none: so be it */
}
