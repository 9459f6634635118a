/* SPDX-License-Identifier: MIT */
#include "hook/owner.h"

#include <errno.h>

id_t owner_of_zero(FILE *map)
{
	unsigned int inside, outside, count;

	while (fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
		if (inside == 0 && count > 0)
			return outside;
	}
	return 0;
}

static int read_map(pid_t pid, const char *name, id_t *ret)
{
	char path[64];
	FILE *map;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	map = fopen(path, "re");
	if (!map)
		return -errno;
	*ret = owner_of_zero(map);
	fclose(map);
	return 0;
}

int owner_read(pid_t pid, uid_t *ret_uid, gid_t *ret_gid)
{
	int r = read_map(pid, "uid_map", ret_uid);

	return r < 0 ? r : read_map(pid, "gid_map", ret_gid);
}
