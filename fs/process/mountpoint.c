/* SPDX-License-Identifier: MIT */
#include "process/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"
#include "host/connection.h"
#include "host/mount_table.h"
#include "host/process.h"
#include "security/privileges.h"
#include "process/unmount.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/rmtree.h"

#define MTAB "/etc/mtab" /* fusermount3 unmounts only what it finds there */
#define SUBTYPE "spoolfs"

/* How long it may take to find out what a path is, unless what is mounted there hangs. A guess. */
#define RESOLVE_MS 2000

/* Linux 6.16 brought FUSE_NOTIFY_INC_EPOCH. */
#define EPOCH_MAJOR 6u
#define EPOCH_MINOR 16u

/* What the daemon reads ahead is fetched with fewer requests than by the kernel's own 128 KiB, and
 * the daemon is still ahead. Reading 2 GiB back from a disk of 1.1 to 1.6 GB/s, three times each:
 * 0.90 to 1.01 GB/s with 128 KiB, 1.10 to 1.50 with 512 KiB, 0.81 to 0.93 with 4 MiB. */
#define READ_AHEAD (512u << 10)

#define REMOVE_TRIES 100 /* a guess; mostly the first try succeeds */

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = dir;

	while (dir && empty && (entry = readdir(dir)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (dir)
		closedir(dir);
	return empty;
}

/* Return: for free(3); NULL with errno. */
static char *resolve(const char *mountpoint)
{
	spool_cleanup(free) char *copy = strdup(mountpoint), *name = strdup(mountpoint);
	spool_cleanup(free) char *parent = NULL;
	char *path = realpath(mountpoint, NULL), *last;

	if (path || (errno != ENOTCONN && errno != ECONNABORTED) || !copy || !name)
		return path;
	last = basename(name);
	parent = realpath(dirname(copy), NULL);
	if (!parent)
		return NULL;
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
		errno = ENOTCONN;
		return NULL;
	}
	return asprintf(&path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, last) < 0 ? NULL
											  : path;
}

struct question {
	const char *mountpoint;
	int answer; /* where the path goes */
};

/* Runs in a child. Return: 0; an errno. */
static int resolve_apart(void *arg)
{
	const struct question *question = arg;
	char *path;

	spool_stdio_to_null(STDERR_FILENO); /* nobody is to wait for one that hangs */
	spool_keep_descriptors(&question->answer, 1);
	path = resolve(question->mountpoint);
	if (!path)
		return errno;
	return write(question->answer, path, strlen(path) + 1) < 0 ? errno : 0; /* it fits */
}

char *spool_mount_resolve(const char *mountpoint)
{
	spool_cleanup(fd) int reader = -1, writer = -1;
	struct question question = {.mountpoint = mountpoint};
	char path[PATH_MAX] = "";
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return NULL;
	reader = fds[0];
	writer = question.answer = fds[1];
	pid = spool_process_start(resolve_apart, &question);
	if (pid < 0) {
		errno = (int)-pid;
		return NULL;
	}
	if (!spool_process_wait(pid, RESOLVE_MS, &status)) {
		spool_process_kill(pid);
		errno = ETIMEDOUT;
		return NULL;
	}
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	if (errno == 0 && read(reader, path, sizeof(path) - 1) > 0)
		return strdup(path);
	return NULL;
}

int spool_mount_clear(const char *path, struct spool_log *log)
{
	int r = 0;

	while (spool_mount_table_is(path, "fuse." SUBTYPE)) {
		r = spool_unmount_dead(path);
		if (r == -ETIMEDOUT)
			r = spool_unmount_unserved(path);
		if (r <= 0)
			break;
		spool_log(log, SPOOL_LOG_WARNING,
			  "%s: unmounted what a daemon that was killed had left there", path);
		r = 0;
	}
	return r;
}

static int refuse_hanging(const char *mountpoint, FILE *errors)
{
	fprintf(errors,
		"spoolfs: %.128s: what is mounted there does not answer "
		"(allowed: after umount -l)\n",
		mountpoint);
	return -ETIMEDOUT;
}

/* Whoever could not unmount does not mount. Return: 0; -errno and a line. */
static int check_fusermount(FILE *errors)
{
	uint64_t limit;
	int r = 0;

	/* Not every system has it: only a full boot makes it. */
	if (access(MTAB, R_OK) < 0) {
		r = -errno;
		fprintf(errors,
			"spoolfs: " MTAB ": %s: fusermount3 could not unmount (allowed: a link to "
			"../proc/self/mounts)\n",
			strerror(errno));
	} else if (!spool_unmount_has_stack(&limit)) {
		r = -ENOMEM;
		fprintf(errors,
			"spoolfs: RLIMIT_STACK is %" PRIu64 " bytes: fusermount3 could not unmount "
			"(allowed: at least 256 KiB)\n",
			limit);
	}
	return r;
}

int spool_mount_check(const struct spool_options *options, struct spool_log *log,
		      struct spool_mount *ret, FILE *errors)
{
	struct stat stat_buf;
	char *path;
	int r;

	*ret = (struct spool_mount){.fd = -1, .covered = -1};
	path = spool_mount_resolve(options->mountpoint);
	r = path ? spool_mount_clear(path, log) : -errno;
	if (r == -ETIMEDOUT) { /* we would hang as well; any other failure is seen below */
		free(path);
		return refuse_hanging(options->mountpoint, errors);
	}
	if (!path || stat(path, &stat_buf) < 0) {
		r = path ? -errno : r;
		fprintf(errors, "spoolfs: %.128s: %s (allowed: an existing directory)\n",
			options->mountpoint, strerror(-r));
		free(path);
		return r;
	}
	if (!S_ISDIR(stat_buf.st_mode)) {
		fprintf(errors, "spoolfs: %s: not a directory (allowed: an existing directory)\n",
			options->mountpoint);
		free(path);
		return -ENOTDIR;
	}
	if (strcmp(path, "/") == 0) {
		fprintf(errors, "spoolfs: /: the root of all would be covered (allowed: a "
				"directory below)\n");
		free(path);
		return -EBUSY;
	}
	r = geteuid() == 0 ? 0 : check_fusermount(errors);
	if (r < 0) {
		free(path);
		return r;
	}
	ret->path = path;
	/* opened now, as the path may mean something else later; -1 when it may not be read */
	ret->covered = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	ret->was_empty = is_empty(path);
	return 0;
}

bool spool_mount_is_for_one(const struct spool_options *options)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	/* In shared the kernel checks for the sake of ACLs. With writeback it sends times of its
	 * own, which nobody has asked for. */
	if (options->allow_other || options->writeback ||
	    options->config.layout != SPOOL_LAYOUT_SINGLE ||
	    (options->mask & (SPOOL_FEATURE_EPOCH | SPOOL_FEATURE_ATOMIC_O_TRUNC)))
		return false;
	/* this must be known before the kernel says which protocol it speaks */
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > EPOCH_MAJOR || (major == EPOCH_MAJOR && minor >= EPOCH_MINOR);
}

static char *mount_options(const struct spool_options *options)
{
	char *text;

	if (asprintf(&text, "fsname=%s,subtype=" SUBTYPE ",nosuid,nodev%s%s%s", options->source,
		     options->one_user ? "" : ",default_permissions",
		     options->allow_other ? ",allow_other" : "",
		     options->noexec ? ",noexec" : "") < 0)
		return NULL;
	return text;
}

/* libfuse does not know this option. */
static int forbid_symlinks(const struct spool_mount *mount)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSYMFOLLOW};

	if (mount_setattr(AT_FDCWD, mount->path, 0, &attr, sizeof(attr)) == 0)
		return 0;
	fprintf(stderr, "spoolfs: nosymfollow: %s (allowed: symfollow; Linux 5.14 has it)\n",
		strerror(errno));
	return -EINVAL;
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
	mount->device = spool_mount_table_device(mount->path);
	if (mount->device && options->nosymfollow)
		return forbid_symlinks(mount);
	if (mount->device)
		return 0;
	/* it is there, as we have just mounted it, though it cannot be looked up */
	if (spool_unmount_path(mount->path) < 0)
		fprintf(stderr, "spoolfs: %s: a dead mount is left\n", mount->path);
	return -ENOENT;
}

void spool_mount_read_ahead(const struct spool_options *options, const struct spool_mount *mount,
			    struct spool_log *log)
{
	int r;

	if (options->backing_fd < 0 || geteuid() != 0)
		return;
	r = spool_connection_read_ahead(mount->fd, mount->device, READ_AHEAD);
	if (r < 0)
		spool_log(log, SPOOL_LOG_DEBUG, "%s: the kernel reads ahead as far as always: %s",
			  mount->path, strerror(-r));
}

void spool_mount_guard(const struct spool_mount *mount, struct spool_log *log)
{
	struct stat stat_buf;
	int fd = mount->covered;

	if (geteuid() != 0 || fd < 0 || fstat(fd, &stat_buf) < 0)
		return;
	if (stat_buf.st_uid == 0 && !(stat_buf.st_mode & (S_IWGRP | S_IWOTH)))
		return;
	/* who starts us may forbid all calls that set a set-id bit, by a seccomp filter */
	if (fchown(fd, 0, (gid_t)-1) == 0 &&
	    (fchmod(fd, stat_buf.st_mode & 07755) == 0 || fchmod(fd, stat_buf.st_mode & 0755) == 0))
		spool_log(log, SPOOL_LOG_WARNING,
			  "%s: made root's own, so that nobody writes to what was covered",
			  mount->path);
	else
		spool_log(log, SPOOL_LOG_WARNING, "%s: not closed to writing: %s", mount->path,
			  strerror(errno));
}

/* Where the covered directory is now: the user who made it for us may have renamed a directory
 * above it. */
static void find_covered(const struct spool_mount *mount, char ret[PATH_MAX])
{
	char link[32];
	ssize_t n = -1;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", mount->covered);
	if (mount->covered >= 0)
		n = readlink(link, ret, PATH_MAX - 1);
	if (n < 0)
		n = snprintf(ret, PATH_MAX, "%s", mount->path);
	ret[n] = '\0';
}

void spool_mount_remove(const struct spool_mount *mount, struct spool_log *log)
{
	char path[PATH_MAX];
	int r = -1;

	/* a program may write there all the time; one moment when it is empty is enough */
	for (int i = 0; i < REMOVE_TRIES && r < 0; i++) {
		find_covered(mount, path);
		r = rmdir(path);
		if (r < 0 && errno == ENOTEMPTY && mount->was_empty)
			spool_rmtree(path);
		else if (r < 0 && errno != ENOENT) /* ENOENT: renamed just now, or removed */
			break;
	}
	if (r < 0 && errno != ENOENT)
		spool_log(log, SPOOL_LOG_WARNING, "%s: cannot remove: %s", path, strerror(errno));
	else if (rmdir(dirname(path)) < 0 && errno != ENOENT)
		spool_log(log, SPOOL_LOG_DEBUG, "%s: left: %s", path, strerror(errno));
}

void spool_mount_drop_privileges(const struct spool_options *options, struct spool_log *log)
{
	/* for umount2(2); for a path through directories that are closed to us; and for giving a
	 * directory of another user to root without losing its set-group-ID bit */
	uint64_t keep = SPOOL_PRIVILEGE(CAP_SYS_ADMIN) | SPOOL_PRIVILEGE(CAP_DAC_READ_SEARCH) |
			SPOOL_PRIVILEGE(CAP_CHOWN) | SPOOL_PRIVILEGE(CAP_FSETID);
	int r;

	if (geteuid() != 0) /* fusermount3 is set-user-ID */
		return;
	if (options->holder_fd >= 0) /* other users may have made files and directories there */
		keep |= SPOOL_PRIVILEGE(CAP_DAC_OVERRIDE) | SPOOL_PRIVILEGE(CAP_FOWNER);
	r = spool_privileges_drop(keep);
	if (r < 0)
		spool_log(log, SPOOL_LOG_WARNING, "keeps its capabilities: %s", strerror(-r));
}

void spool_mount_fini(struct spool_mount *mount)
{
	/* not fuse_session_destroy(): it would close the descriptor a second time */
	spool_close(mount->fd);
	spool_close(mount->covered);
	free(mount->path);
	mount->path = NULL;
}
