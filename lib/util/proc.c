/* SPDX-License-Identifier: MIT */
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

int spool_proc_status(const char *path, struct spool_proc_status *ret)
{
	return spool_proc_status_at(AT_FDCWD, path, ret);
}

int spool_proc_status_at(int dir, const char *path, struct spool_proc_status *ret)
{
	spool_cleanup(fd) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[256];

	if (!file)
		return -errno;
	spool_steal_fd(&fd); /* the stream's */
	*ret = (struct spool_proc_status){.uid = (uid_t)-1};
	while (fgets(line, sizeof(line), file)) {
		unsigned long long caps, signals;
		unsigned int uid;
		char state;
		int a, b;

		if (sscanf(line, "PPid: %d", &a) == 1)
			ret->parent = a;
		else if (sscanf(line, "TracerPid: %d", &a) == 1)
			ret->traced |= a > 0;
		else if (sscanf(line, "State: %c", &state) == 1)
			ret->traced |= state == 't';
		else if (sscanf(line, "CapEff: %llx", &caps) == 1)
			ret->caps = caps;
		else if (sscanf(line, "Uid: %*u %*u %*u %u", &uid) == 1)
			ret->uid = uid;
		else if (sscanf(line, "SigPnd: %llx", &signals) == 1)
			ret->dying = signals >> (SIGKILL - 1) & 1;
		else if (strncmp(line, "NSpid:", 6) == 0)
			ret->top_pidns = sscanf(line + 6, "%d %d", &a, &b) == 1;
	}
	fclose(file);
	return 0;
}

/* Is @gid among the numbers of @list, from the @from-th on? */
static bool is_listed(char *list, unsigned int from, gid_t gid)
{
	char *rest = NULL, *word = strtok_r(list, " \t\n", &rest);

	for (unsigned int i = 0; word; i++, word = strtok_r(NULL, " \t\n", &rest)) {
		if (i >= from && strtoul(word, NULL, 10) == gid)
			return true;
	}
	return false;
}

bool spool_proc_in_group(const char *path, gid_t gid)
{
	FILE *file = fopen(path, "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0) {
		if (strncmp(line, "Gid:", 4) == 0) /* real, effective, saved, for files */
			found = is_listed(line + 4, 3, gid);
		else if (strncmp(line, "Groups:", 7) == 0)
			found = is_listed(line + 7, 0, gid);
	}
	free(line);
	fclose(file);
	return found;
}
