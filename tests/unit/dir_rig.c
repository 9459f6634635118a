/* SPDX-License-Identifier: MIT */
#include "dir_rig.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spill/backing_dir.h"
#include "util/macros.h"

bool dir_rig_make(struct dir_rig *rig, const char *parent)
{
	char why[200];
	int fd;

	if (!parent ||
	    snprintf(rig->base, sizeof(rig->base), "%s/spoolfs-unit-XXXXXX", parent) >= 4000 ||
	    !mkdtemp(rig->base))
		return false;
	fd = spool_backing_dir_check(rig->base, true, why, sizeof(why));
	if (fd >= 0) {
		spool_close(fd);
		return true;
	}
	rmdir(rig->base);
	printf("# note: %s: %s\n", parent, why);
	return false;
}

const char *dir_rig_path(const struct dir_rig *rig, const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", rig->base, name);
	return path;
}

int dir_rig_check(const char *path, bool any, const char *expected)
{
	char why[200] = "";
	int r = spool_backing_dir_check(path, any, why, sizeof(why));

	if (!strstr(why, expected))
		printf("\n    %s: \"%s\", not \"%s\"", path, why, expected);
	CU_ASSERT_TRUE(strstr(why, expected) != NULL);
	CU_ASSERT_EQUAL(r >= 0, why[0] == '\0');
	CU_ASSERT_PTR_NULL(strchr(why, '\n'));
	CU_ASSERT_EQUAL(r < 0, strstr(why, "allowed: ") != NULL);
	CU_ASSERT_TRUE(strlen(why) < 120);
	if (r >= 0) {
		CU_ASSERT_TRUE(fcntl(r, F_GETFD) & FD_CLOEXEC);
		spool_close(r);
	}
	return r < 0 ? r : 0;
}

int dir_rig_run(struct dir_rig *rig, const char *suite, const struct unit_test *tests, size_t n)
{
	int r;

	if (!dir_rig_make(rig, getenv("TMPDIR")) && !dir_rig_make(rig, "/var/tmp")) {
		fprintf(stderr, "%s: no directory to work in\n", suite);
		return EXIT_FAILURE;
	}
	r = unit_run(suite, tests, n);
	if (rmdir(rig->base) < 0) {
		perror(rig->base);
		return EXIT_FAILURE;
	}
	return r;
}
