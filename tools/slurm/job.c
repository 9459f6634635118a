/* SPDX-License-Identifier: MIT */
#include "slurm/job.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/background.h"
#include "common/usage.h"
#include "util/macros.h"
#include "util/parse.h"

#define LEFT_MS 5000 /* for a mount point that is busy: a guess, the daemon needs 2 s at most */

const char *job_path(const struct settings *settings, uint32_t id, char *ret)
{
	snprintf(ret, PATH_MAX, "%.*s/%" PRIu32, PATH_MAX - 16, settings->base, id);
	return ret;
}

/* @ret_error: "what: why". */
static int failed(char *ret_error, const char *what, int error)
{
	snprintf(ret_error, SETTINGS_ERROR, "%.180s: %s", what, strerror(error));
	return EXIT_FAILED;
}

/* The first of the lines that were written there. */
static void read_line(int fd, char *ret_error)
{
	ssize_t n = pread(fd, ret_error, SETTINGS_ERROR - 1, 0);

	ret_error[n > 0 ? n : 0] = '\0';
	ret_error[strcspn(ret_error, "\n")] = '\0';
}

static int run(const struct settings *settings, const char *options, const char *dir,
	       char *ret_error)
{
	spool_cleanup(fd) int lines = memfd_create("spoolfs-slurm", MFD_CLOEXEC);
	const char *program = settings->program[0] ? settings->program : NULL;
	int r;

	if (lines < 0)
		return failed(ret_error, "memfd", errno);
	r = background_mount(NULL, program, options, "spoolfs-slurm", dir, -1, lines, NULL);
	if (r == EXIT_OK)
		return r;
	read_line(lines, ret_error);
	if (!ret_error[0])
		snprintf(ret_error, SETTINGS_ERROR, "spoolfs: ended as it started");
	return r == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

/* Users of jobs go through it, whatever umask Slurm has. Return: 0; -errno. */
static int make_base(const char *base)
{
	if (mkdir(base, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(base, 0755) < 0 ? -errno : 0;
}

int job_begin(const struct settings *settings, const struct job *job, char *ret_error)
{
	char dir[PATH_MAX];
	spool_cleanup(free) char *options = NULL;
	int r;

	job_path(settings, job->id, dir);
	r = job_end(settings, job->id);
	if (r < 0)
		return failed(ret_error, dir, -r);
	r = make_base(settings->base);
	if (r < 0)
		return failed(ret_error, settings->base, -r);
	if (mkdir(dir, 0755) < 0)
		return failed(ret_error, dir, errno);
	/* A job may have no process here between its steps: so its files stay until it ends. */
	r = asprintf(&options,
		     "%s%slayout=single,uid=%u,gid=%u,mode=0700,lifetime=mount,detach=0,"
		     "size=%" PRIu64,
		     settings->options, settings->options[0] ? "," : "", job->uid, job->gid,
		     job->size);
	if (r < 0) {
		options = NULL;
		r = failed(ret_error, dir, ENOMEM);
	} else {
		r = run(settings, options, dir, ret_error);
	}
	if (r != EXIT_OK)
		rmdir(dir);
	return r;
}

int job_end(const struct settings *settings, uint32_t id)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	char dir[PATH_MAX];

	job_path(settings, id, dir);
	/* one mount on another is not ours to leave there, either */
	while (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	if (errno != EINVAL && errno != ENOENT)
		return -errno;
	for (unsigned int waited = 0; rmdir(dir) < 0 && errno != ENOENT; waited += 10) {
		if (errno != EBUSY || waited >= LEFT_MS)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void job_sweep(const struct settings *settings, bool (*is_over)(uint32_t id))
{
	DIR *base = opendir(settings->base);
	const struct dirent *entry;
	uint32_t id;

	while (base && (entry = readdir(base))) {
		if (spool_parse_id(entry->d_name, &id) == 0 && is_over(id))
			job_end(settings, id);
	}
	if (base)
		closedir(base);
}

bool job_is_mounted(const struct settings *settings, uint32_t id, uid_t uid)
{
	struct stat base, root;
	char dir[PATH_MAX];

	return stat(settings->base, &base) == 0 && stat(job_path(settings, id, dir), &root) == 0 &&
	       root.st_dev != base.st_dev && root.st_uid == uid;
}
