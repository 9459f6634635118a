/* SPDX-License-Identifier: MIT */
#include "spoolctl/descendants.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "util/macros.h"

#define PROC "/proc"

struct list {
	struct process *all;
	size_t n, allocated;
};

static int add(void *arg, const struct process *process)
{
	struct list *list = arg;

	if (list->n == list->allocated) {
		size_t more = list->allocated ? list->allocated * 2 : 256;
		struct process *all = reallocarray(list->all, more, sizeof(*all));

		if (!all)
			return -ENOMEM;
		list->all = all;
		list->allocated = more;
	}
	list->all[list->n++] = *process;
	return 0;
}

static int by_parent(const void *a, const void *b)
{
	const struct process *one = a, *two = b;

	return (one->parent > two->parent) - (one->parent < two->parent);
}

/* The first of @list, which is ordered by parent, that has this one, or one with a higher pid. */
static size_t first_child(const struct list *list, pid_t parent)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->all[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Each process has one parent, so none is added twice, unless /proc has changed while it was read:
 * then @found would grow beyond all that there are. Return: 0; -ENOMEM. */
static int add_children(const struct list *list, pid_t parent, struct list *found)
{
	for (size_t i = first_child(list, parent); i < list->n && list->all[i].parent == parent;
	     i++) {
		int r = found->n < list->n ? add(found, &list->all[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int descendants_find(const char *proc, pid_t ancestor, struct process **ret, size_t *ret_n)
{
	struct list list = {0}, found = {0};
	int r = processes_each(proc, add, &list);

	if (r == 0 && list.n > 0) {
		qsort(list.all, list.n, sizeof(*list.all), by_parent);
		r = add_children(&list, ancestor, &found);
	}
	for (size_t i = 0; r == 0 && i < found.n; i++)
		r = add_children(&list, found.all[i].pid, &found);
	free(list.all);
	if (r < 0) {
		free(found.all);
		return r;
	}
	*ret = found.all;
	*ret_n = found.n;
	return 0;
}

bool descendants_have(const char *proc, pid_t ancestor, pid_t pid)
{
	struct process process;

	while (pid > 1 && processes_read(proc, pid, &process)) {
		if (process.parent == ancestor)
			return true;
		pid = process.parent;
	}
	return false;
}

/* A pidfd stands for the process that had the pid when it was opened: the one that was found, when
 * that is there still. */
static void signal_one(const struct process *process, int sig)
{
	spool_cleanup(fd) int fd = pidfd_open(process->pid, 0);
	struct process now;

	if (fd < 0 || !processes_read(PROC, process->pid, &now) || now.start != process->start)
		return;
	pidfd_send_signal(fd, sig, NULL, 0);
	pidfd_send_signal(fd, SIGCONT, NULL, 0); /* one that is stopped would not act on it */
}

int descendants_signal(int sig)
{
	struct process *all = NULL;
	size_t n = 0;
	int r = descendants_find(PROC, getpid(), &all, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		signal_one(&all[i], sig);
	free(all);
	return r;
}
