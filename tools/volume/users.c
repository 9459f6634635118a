/* SPDX-License-Identifier: MIT */
#include "volume/users.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/processes.h"
#include "util/macros.h"
#include "util/proc.h"
#include "volume/table.h"

/* How far up a process's ancestors are looked at. An engine's helper is two or three below it. */
#define ANCESTORS_MAX 32

/* Bytes of a root directory's path that tell views apart; of equal ones all tables are read. A
 * container's is "/". */
#define ROOT_MAX 64

/* A filesystem of ours on its own mount point. */
struct filesystem {
	dev_t device;
	struct table_place place;
};

/* What processes see that have the same namespace and root directory: one table. */
struct view {
	ino_t namespace;
	char root[ROOT_MAX]; /* as readlink(2) gives it for our root */
};

struct search {
	const struct users_question *question;
	struct filesystem *filesystems;
	size_t n_filesystems;
	struct user *users;
	size_t n_users;
	ino_t own; /* our mount namespace */
	struct view *views;
	size_t n_views;
	pid_t pid; /* whose table is read; 0: our own */
};

/* Is it the mount point of a volume? */
static bool is_in_dir(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/' &&
	       volume_name_is_right(path + len + 1);
}

static int note_filesystem(void *arg, const struct table_mount *mount)
{
	struct search *search = arg;
	struct filesystem *more, one = {.device = mount->device};

	if (!is_in_dir(mount->path, search->question->dir) || !mount->place.path)
		return 0;
	one.place = (struct table_place){mount->place.device, strdup(mount->place.path)};
	more = reallocarray(search->filesystems, search->n_filesystems + 1, sizeof(*more));
	if (more)
		search->filesystems = more;
	if (!more || !one.place.path) {
		free(one.place.path);
		return -ENOMEM;
	}
	more[search->n_filesystems++] = one;
	return 0;
}

static bool is_engines(const struct search *search, pid_t pid)
{
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		struct process process;

		if (!processes_read(search->question->proc, pid, &process))
			return false;
		for (size_t j = 0; j < search->question->n_engines; j++) {
			if (search->question->engines[j].pid == pid &&
			    search->question->engines[j].start == process.start)
				return true;
		}
		pid = process.parent;
	}
	return false;
}

/* A mount in the table of search->pid. */
static int look_at_mount(void *arg, const struct table_mount *mount)
{
	struct search *search = arg;
	const struct filesystem *found = NULL;
	struct user *more;

	for (size_t i = 0; i < search->n_filesystems && !found; i++) {
		if (search->filesystems[i].device == mount->device)
			found = &search->filesystems[i];
	}
	if (!found || table_place_is(&found->place, &mount->place))
		return 0;
	more = reallocarray(search->users, search->n_users + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	search->users = more;
	more[search->n_users++] = (struct user){.device = mount->device, .pid = search->pid};
	return 0;
}

static int read_table(struct search *search, const char *process,
		      int (*fn)(void *arg, const struct table_mount *mount))
{
	char path[PATH_MAX];
	FILE *file;
	int r;

	snprintf(path, sizeof(path), "%s/%s/mountinfo", search->question->proc, process);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	r = table_each(file, fn, search);
	fclose(file);
	return r;
}

static int namespace_of(const struct search *search, const char *process, ino_t *ret)
{
	char path[PATH_MAX];
	struct stat stat_buf;

	snprintf(path, sizeof(path), "%s/%s/ns/mnt", search->question->proc, process);
	if (stat(path, &stat_buf) < 0)
		return -errno;
	*ret = stat_buf.st_ino;
	return 0;
}

/* Return: false: it cannot be told from others. */
static bool view_of(const struct search *search, const char *process, struct view *ret)
{
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s/root", search->question->proc, process);
	n = readlink(path, ret->root, sizeof(ret->root));
	if (n < 0 || (size_t)n >= sizeof(ret->root))
		return false;
	ret->root[n] = '\0';
	return true;
}

static bool was_looked_at(const struct search *search, const struct view *view)
{
	for (size_t i = 0; i < search->n_views; i++) {
		if (search->views[i].namespace == view->namespace &&
		    strcmp(search->views[i].root, view->root) == 0)
			return true;
	}
	return false;
}

/* Has the process ended, or is it about to? Is it one that even who may look at all (users.h) may
 * not look at: an init with more rights than root has here? Or has it a table of a size that nobody
 * needs? A process that cannot be looked at for another reason may be a user. */
static bool is_of_no_account(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -EINVAL || r == -EACCES || r == -EFBIG;
}

/* Processes of one namespace may see different parts of it, as chroot(2) makes them. */
static int look_at_process(struct search *search, const char *process)
{
	size_t before = search->n_users;
	struct view view, *more;
	bool known;
	int r;

	r = namespace_of(search, process, &view.namespace);
	if (r < 0 || view.namespace == search->own)
		return is_of_no_account(r) ? 0 : r;
	known = view_of(search, process, &view);
	if (known && was_looked_at(search, &view))
		return 0;
	search->pid = atoi(process);
	r = read_table(search, process, look_at_mount);
	if (r < 0)
		return is_of_no_account(r) ? 0 : r;
	if (search->n_users > before && is_engines(search, search->pid)) {
		search->n_users = before;
		return 0; /* another may have the same view */
	}
	more = known ? reallocarray(search->views, search->n_views + 1, sizeof(*more)) : NULL;
	if (more) {
		search->views = more;
		more[search->n_views++] = view;
	}
	return 0; /* without memory it is looked at again */
}

static int look_at_processes(struct search *search)
{
	DIR *dir = opendir(search->question->proc);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			r = look_at_process(search, entry->d_name);
	}
	closedir(dir);
	return r;
}

bool users_may_look(void)
{
	struct spool_proc_status status;

	return spool_proc_status("/proc/self/status", &status) == 0 &&
	       (status.caps & UINT64_C(1) << CAP_SYS_PTRACE);
}

int users_find(const struct users_question *question, struct user **ret, size_t *ret_n)
{
	struct search search = {.question = question};
	int r = namespace_of(&search, "self", &search.own);

	if (r == 0)
		r = read_table(&search, "self", note_filesystem);
	if (r == 0 && search.n_filesystems)
		r = read_table(&search, "self", look_at_mount);
	if (r == 0 && search.n_filesystems)
		r = look_at_processes(&search);
	for (size_t i = 0; i < search.n_filesystems; i++)
		free(search.filesystems[i].place.path);
	free(search.filesystems);
	free(search.views);
	if (r < 0) {
		free(search.users);
		return r;
	}
	*ret = search.users;
	*ret_n = search.n_users;
	return 0;
}
