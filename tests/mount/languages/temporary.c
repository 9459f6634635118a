/* SPDX-License-Identifier: MIT */
/*
 * What a C program does with temporary files: "temporary VERB [ARGUMENT]"; languages.py has the
 * verbs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536

static char path[PATH_MAX];

static int failed(void)
{
	printf("%s\n", strerror(errno));
	return 0;
}

static void remove_it(void)
{
	unlink(path);
}

static const char *where(void)
{
	const char *directory = getenv("TMPDIR");

	return directory ? directory : P_tmpdir;
}

/* A file with a name that nobody had. Return: its descriptor. */
static int make_named(void)
{
	int fd;

	snprintf(path, sizeof(path), "%s/c-XXXXXX", where());
	fd = mkstemp(path);
	if (fd < 0 || write(fd, "data", 4) != 4)
		exit(1);
	return fd;
}

static int anonymous(void)
{
	char back[4];
	int fd = open(where(), O_TMPFILE | O_RDWR | O_EXCL, 0666);

	if (fd < 0 || write(fd, "data", 4) != 4 || pread(fd, back, 4, 0) != 4)
		return 1;
	printf("%.4s\n", back);
	return 0;
}

static int make_directory(void)
{
	snprintf(path, sizeof(path), "%s/c-XXXXXX", where());
	if (!mkdtemp(path))
		return 1;
	printf("%s\n", path);
	return 0;
}

static int exclusive(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);

	if (fd < 0)
		return failed();
	printf("made\n");
	return 0;
}

static int plain(const char *name)
{
	FILE *file = fopen(name, "w");

	if (!file)
		return failed();
	fprintf(file, "data");
	fclose(file);
	printf("made\n");
	return 0;
}

static int fill(const char *name)
{
	static char block[BLOCK];
	int fd = open(name, O_WRONLY | O_CREAT, 0666);

	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		continue;
	return failed();
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : "";

	if (!strcmp(verb, "where"))
		return printf("%s\n", where()) < 0;
	if (!strcmp(verb, "anonymous"))
		return anonymous();
	if (!strcmp(verb, "directory"))
		return make_directory();
	if (!strcmp(verb, "exclusive"))
		return exclusive(name);
	if (!strcmp(verb, "plain"))
		return plain(name);
	if (!strcmp(verb, "fill"))
		return fill(name);
	make_named();
	printf("%s\n", path);
	fflush(stdout);
	if (!strcmp(verb, "scoped"))
		atexit(remove_it);
	if (!strcmp(verb, "killed"))
		kill(getpid(), SIGKILL);
	return 0;
}
