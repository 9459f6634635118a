/* SPDX-License-Identifier: MIT */
#include "util/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/parse.h"

/* Before Linux 5.9: one by one. */
static void close_range_slowly(unsigned int first, unsigned int last)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint32_t fd;

	while (dir && (entry = readdir(dir))) {
		if (spool_parse_id(entry->d_name, &fd) == 0 && fd >= first && fd <= last &&
		    (int)fd != dirfd(dir))
			close((int)fd);
	}
	if (dir)
		closedir(dir);
}

static void close_from(unsigned int first, unsigned int last)
{
	if (first <= last && close_range(first, last, 0) < 0 && errno == ENOSYS)
		close_range_slowly(first, last);
}

void spool_keep_descriptors(const int *keep, size_t n)
{
	int first = STDERR_FILENO + 1;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < n; i++) {
			if (keep[i] >= first && (next < 0 || keep[i] < next))
				next = keep[i];
		}
		if (next < 0)
			break;
		if (next > first)
			close_from((unsigned int)first, (unsigned int)next - 1);
		first = next + 1;
	}
	close_from((unsigned int)first, ~0U);
}

bool spool_stdio_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	spool_close(fd);
	return fd >= 0;
}

void spool_stdio_to_null(int last)
{
	int null;

	close(STDIN_FILENO); /* so that there is a free descriptor */
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return;
	for (int i = 0; i <= last; i++)
		dup2(null, i);
	if (null > last)
		close(null);
}
