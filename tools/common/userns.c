/* SPDX-License-Identifier: MIT */
#include "common/userns.h"

#include <stdbool.h>
#include <stdio.h>

#include "util/macros.h"

/* With the value that forbids them. */
static const struct setting {
	const char *file, *name;
	int forbids;
} settings[] = {
	{"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", 0},
	/* of Debian and its derivatives */
	{"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", 0},
	/* of Ubuntu: there is one, but without capabilities */
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	 "kernel.apparmor_restrict_unprivileged_userns", 1},
};

static bool forbids(const struct setting *setting)
{
	FILE *file = fopen(setting->file, "re");
	int value;
	bool found = file && fscanf(file, "%d", &value) == 1 && value == setting->forbids;

	if (file)
		fclose(file);
	return found;
}

const char *userns_forbidden_by(int *ret_value)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(settings); i++) {
		if (!forbids(&settings[i]))
			continue;
		*ret_value = settings[i].forbids;
		return settings[i].name;
	}
	return NULL;
}
