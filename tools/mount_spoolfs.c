/* SPDX-License-Identifier: MIT */

/* mount.spoolfs(8): what mount(8) runs for "mount -t spoolfs". Becomes spoolfs(8). */

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EXIT_FAILED 1

/* "remount" among the comma-separated options? */
static bool has_option(const char *list, const char *name)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == strlen(name) && memcmp(list, name, len) == 0)
			return true;
	}
	return false;
}

/* spoolfs beside this program (a build tree), or wherever PATH has it. */
static void exec_spoolfs(char *argv[])
{
	static const char *const places[] = {"spoolfs", "../fs/spoolfs", "../usr/sbin/spoolfs"};
	char self[PATH_MAX], path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		const char *dir;

		self[n] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
			if (access(path, X_OK) == 0)
				execv(path, argv);
		}
	}
	execvp("spoolfs", argv);
}

int main(int argc, char *argv[])
{
	static char name[] = "spoolfs", dash_o[] = "-o", none[] = "rw";
	char *source = NULL, *mountpoint = NULL, *options = none;
	bool fake = false;
	int c;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("usage: mount.spoolfs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o "
		     "OPTION,...] "
		     "[-t TYPE]\nThe helper of mount -t spoolfs. See spoolfs(8).");
		return 0;
	}
	while ((c = getopt(argc, argv, "sfnvN:o:t:")) != -1) {
		switch (c) {
		case 'o':
			options = optarg;
			break;
		case 'f':
			fake = true;
			break;
		case 's':
		case 'n':
		case 'v':
		case 't':
			break;
		case 'N':
			fputs("mount.spoolfs: -N: not available in this version (allowed: mount in "
			      "this namespace)\n",
			      stderr);
			return EXIT_USAGE;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 2) {
		fputs("mount.spoolfs: SOURCE and MOUNTPOINT are needed (see --help)\n", stderr);
		return EXIT_USAGE;
	}
	source = argv[optind];
	mountpoint = argv[optind + 1];
	if (has_option(options, "remount")) {
		fputs("mount.spoolfs: remount: not available in this version (allowed: unmount and "
		      "mount again)\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (fake)
		return 0;
	if (strcmp(source, "none") == 0)
		source = name;
	char *args[] = {name, dash_o, options, source, mountpoint, NULL};

	exec_spoolfs(args);
	fprintf(stderr, "mount.spoolfs: spoolfs: %s\n", strerror(errno));
	return EXIT_FAILED;
}
