/* SPDX-License-Identifier: MIT */
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"
#include "util/macros.h"

#define MTAB "/etc/mtab" /* where fusermount3 looks for what it may unmount */
#define SUBTYPE "spoolfs"

extern char **environ;

int spool_mount_check(const struct spool_options *options, struct spool_mount *ret, FILE *errors)
{
	struct stat stat_buf;
	char *path;
	int r;

	*ret = (struct spool_mount){.fd = -1};
	path = realpath(options->mountpoint, NULL);
	if (!path || stat(path, &stat_buf) < 0) {
		r = -errno;
		fprintf(errors, "spoolfs: %s: %s (allowed: an existing directory)\n",
			options->mountpoint, strerror(errno));
		free(path);
		return r;
	}
	if (!S_ISDIR(stat_buf.st_mode)) {
		fprintf(errors, "spoolfs: %s: not a directory (allowed: an existing directory)\n",
			options->mountpoint);
		free(path);
		return -ENOTDIR;
	}
	/* Not every system has it: it is made at a full one's start. */
	if (geteuid() != 0 && access(MTAB, R_OK) < 0) {
		r = -errno;
		fprintf(errors,
			"spoolfs: " MTAB ": %s: fusermount3 could not unmount (allowed: a link to "
			"../proc/self/mounts)\n",
			strerror(errno));
		free(path);
		return r;
	}
	ret->path = path;
	return 0;
}

static char *mount_options(const struct spool_options *options)
{
	char *text;

	if (asprintf(&text, "fsname=%s,subtype=" SUBTYPE ",default_permissions,nosuid,nodev%s%s",
		     options->source, options->allow_other ? ",allow_other" : "",
		     options->noexec ? ",noexec" : "") < 0)
		return NULL;
	return text;
}

/* The octal escapes of /proc/self/mountinfo (space, tab, newline, backslash), undone in place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; to++) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/* Looks through mountinfo: by device (@wanted_path NULL) or by the last mount on a path.
 * @ret_covered: by device: something else has been mounted on top of it. */
static bool find_mount(const char *wanted_path, dev_t wanted_device, dev_t *ret_device,
		       char **ret_path, bool *ret_covered)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t room = 0;
	bool found = false;
	char *line = NULL;

	while (file && getline(&line, &room, file) > 0) {
		unsigned int major, minor;
		int at = 0;
		char *path;
		dev_t device;

		if (sscanf(line, "%*d %*d %u:%u %*s %n", &major, &minor, &at) < 2 || at == 0)
			continue;
		path = line + at;
		path[strcspn(path, " ")] = '\0';
		unescape(path);
		device = makedev(major, minor);
		if (ret_covered && *ret_path && strcmp(path, *ret_path) == 0)
			*ret_covered = device != wanted_device;
		if (wanted_path ? strcmp(path, wanted_path) != 0 : device != wanted_device)
			continue;
		found = true; /* the last one counts: it lies on top */
		if (ret_covered)
			*ret_covered = false;
		if (ret_device)
			*ret_device = device;
		if (ret_path) {
			free(*ret_path);
			*ret_path = strdup(path);
		}
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static int run_fusermount(const char *path)
{
	char name[] = "fusermount3", u[] = "-u", z[] = "-z", q[] = "-q", dashes[] = "--";
	char *argv[] = {name, u, z, q, dashes, (char *)(uintptr_t)path, NULL};
	pid_t pid;
	int r, status;

	r = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status == 0 ? 0 : -EIO;
}

static int unmount_path(const char *path)
{
	if (geteuid() != 0)
		return run_fusermount(path);
	if (umount2(path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	return umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0 ? 0 : -errno;
}

int spool_mount_do(const struct spool_options *options, struct spool_mount *mount)
{
	static const struct fuse_lowlevel_ops no_ops;
	static char name[] = "spoolfs", dash_o[] = "-o";
	spool_cleanup(free) char *text = mount_options(options);
	char *argv[] = {name, dash_o, text, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);

	if (!text)
		return -ENOMEM;
	mount->session = fuse_session_new(&args, &no_ops, sizeof(no_ops), NULL);
	fuse_opt_free_args(&args);
	if (!mount->session)
		return -ENOMEM;
	if (fuse_session_mount(mount->session, mount->path) != 0)
		return -EIO;
	mount->fd = fuse_session_fd(mount->session);
	fcntl(mount->fd, F_SETFD, FD_CLOEXEC);
	if (find_mount(mount->path, 0, &mount->device, NULL, NULL))
		return 0;
	/* it is there, as we have just made it, though it cannot be looked up */
	if (unmount_path(mount->path) < 0)
		fprintf(stderr, "spoolfs: %s: a dead mount is left\n", mount->path);
	return -ENOENT;
}

/*
 * Is what is mounted at @path, with our device number, really ours? Such numbers are used again as
 * soon as a filesystem is gone. While our connection lives, so does our filesystem, and the
 * number is ours; afterwards only a dead mount can be meant.
 */
static bool is_ours(const struct spool_mount *mount, const char *path)
{
	struct pollfd fd = {.fd = mount->fd};
	struct statvfs vfs;

	if (mount->fd >= 0 && poll(&fd, 1, 0) == 0)
		return true; /* fuse reports POLLERR once it is disconnected */
	/* not stat(): the kernel answers that from its cache even for a dead mount */
	return statvfs(path, &vfs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

int spool_mount_undo(struct spool_mount *mount)
{
	bool covered = false;
	char *path = NULL;
	int r = 0;

	/* It may be mounted in several places of this namespace by now (bind mounts). Where
	 * somebody has mounted something on top, that would be what is unmounted: ours stays there,
	 * dead. */
	while (mount->device && r == 0 && find_mount(NULL, mount->device, NULL, &path, &covered) &&
	       path && (covered || is_ours(mount, path))) {
		r = covered ? -EBUSY : unmount_path(path);
		free(path);
		path = NULL;
	}
	free(path);
	mount->fd = spool_close(mount->fd);
	if (r == 0)
		mount->device = 0;
	return r;
}

void spool_mount_guard(const struct spool_mount *mount, struct spool_log *log)
{
	struct stat stat_buf;
	int fd;

	if (geteuid() != 0)
		return;
	fd = open(mount->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &stat_buf) < 0)
		goto out;
	if (stat_buf.st_uid == 0 && !(stat_buf.st_mode & (S_IWGRP | S_IWOTH)))
		goto out;
	if (fchown(fd, 0, (gid_t)-1) == 0 && fchmod(fd, stat_buf.st_mode & 07755) == 0)
		spool_log(log, SPOOL_LOG_WARNING,
			  "%s: made root's own, so that nobody writes to what was covered",
			  mount->path);
out:
	spool_close(fd);
}

void spool_mount_fini(struct spool_mount *mount)
{
	/* not fuse_session_destroy(): it would close the descriptor a second time */
	spool_close(mount->fd);
	free(mount->path);
	mount->path = NULL;
}
