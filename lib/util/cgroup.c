/* SPDX-License-Identifier: MIT */
#include "util/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/parse.h"

/* The number in a limit file, UINT64_MAX when there is none ("max" in v2). */
static uint64_t read_limit(const char *path)
{
	uint64_t limit = UINT64_MAX;
	char line[64];
	FILE *file = fopen(path, "re");

	if (!file)
		return limit;
	if (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		spool_parse_count(line, &limit);
	}
	fclose(file);
	return limit;
}

/* The lowest limit of the group at @path and of those above it. */
static uint64_t walk_up(const char *root, char *path, const char *name)
{
	uint64_t lowest = UINT64_MAX;

	for (;;) {
		char file[PATH_MAX];
		char *slash;

		if (snprintf(file, sizeof(file), "%s%s/%s", root, path, name) < (int)sizeof(file)) {
			lowest = spool_min_u64(lowest, read_limit(file));
		}
		slash = strrchr(path, '/');
		if (!slash)
			return lowest;
		*slash = '\0';
	}
}

/* Is "memory" one of the comma-separated @controllers? */
static bool has_memory(const char *controllers)
{
	size_t len;

	for (; *controllers; controllers += len + (controllers[len] == ',')) {
		len = strcspn(controllers, ",");
		if (len == strlen("memory") && memcmp(controllers, "memory", len) == 0)
			return true;
	}
	return false;
}

/* One line of /proc/self/cgroup: "id:controllers:path" */
static uint64_t line_limit(char *line, const char *cgroup_root)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	char root[PATH_MAX];

	if (!path)
		return UINT64_MAX;
	*path++ = '\0';
	controllers++;
	path[strcspn(path, "\n")] = '\0';
	if (*controllers == '\0')
		return walk_up(cgroup_root, path, "memory.max");
	if (!has_memory(controllers))
		return UINT64_MAX;
	if (snprintf(root, sizeof(root), "%s/memory", cgroup_root) >= (int)sizeof(root))
		return UINT64_MAX;
	return walk_up(root, path, "memory.limit_in_bytes");
}

uint64_t spool_machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);

	return pages > 0 ? (uint64_t)pages * (uint64_t)page_size : UINT64_MAX;
}

uint64_t spool_cgroup_memory(const char *proc_cgroup, const char *cgroup_root)
{
	FILE *file = fopen(proc_cgroup, "re");
	uint64_t lowest = UINT64_MAX;
	char line[PATH_MAX + 256];

	while (file && fgets(line, sizeof(line), file))
		lowest = spool_min_u64(lowest, line_limit(line, cgroup_root));
	if (file)
		fclose(file);
	return lowest;
}

uint64_t spool_memory_total(const char *proc_cgroup, const char *cgroup_root)
{
	uint64_t total = spool_min_u64(spool_machine_memory(),
				       spool_cgroup_memory(proc_cgroup, cgroup_root));

	return total > 0 ? total : 1;
}
