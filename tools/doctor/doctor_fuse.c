/* SPDX-License-Identifier: MIT */
#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "common/daemon.h"
#include "common/detached.h"
#include "common/mounts.h"
#include "common/reach.h"
#include "util/macros.h"
#include "util/proc.h"

extern char **environ;

static void check_kernel(struct doctor *doctor)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) < 0)
		return;
	/* FUSE_TMPFILE came with Linux 6.1 (include/uapi/linux/fuse.h, protocol 7.37) */
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 1)))
		finding(doctor, "warn", "kernel",
			"Programs fall back to named files by themselves; Linux 6.1 has it.",
			"Linux %s has no O_TMPFILE on FUSE", name.release);
	else
		finding(doctor, "ok", "kernel", NULL, "Linux %s", name.release);
}

static void check_device(struct doctor *doctor)
{
	spool_cleanup(fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		finding(doctor, "ok", "/dev/fuse", NULL, "can be opened");
		return;
	}
	doctor->cannot_mount = true;
	if (errno == EACCES)
		finding(doctor, "missing", "/dev/fuse", "As root: chmod 666 /dev/fuse.",
			"this user may not open it");
	else if (errno == EPERM)
		finding(doctor, "missing", "/dev/fuse",
			"Allow the container the device (--device /dev/fuse).",
			"the device is not allowed in this cgroup");
	else
		finding(doctor, "missing", "/dev/fuse",
			"Load the module (as root: modprobe fuse); in a container, pass the "
			"device (--device /dev/fuse).",
			"%s", strerror(errno));
}

/* root needs CAP_SYS_ADMIN, which containers take away. Others mount through fusermount3. */
static void check_privileges(struct doctor *doctor)
{
	struct spool_proc_status status = {.caps = UINT64_MAX};

	spool_proc_status("/proc/self/status", &status);
	if (geteuid() != 0) {
		finding(doctor, "ok", "privileges", NULL, "none: mounts through fusermount3");
	} else if (status.caps >> CAP_SYS_ADMIN & 1) {
		finding(doctor, "ok", "privileges", NULL, "root, with CAP_SYS_ADMIN");
	} else {
		doctor->cannot_mount = true;
		finding(doctor, "missing", "privileges",
			"Start the container with --cap-add SYS_ADMIN, or mount outside of it.",
			"root, but without CAP_SYS_ADMIN");
	}
}

/* Looks for @name in PATH. Return: true and its path. */
static bool in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret, size, "%.*s/%s", (int)len, path, name);

		if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* What "@program --version" prints. Return: false when there is no such program. */
static bool version_of(const char *program, char *ret, size_t size)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--version", NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], status = 1;
	size_t used = 0;
	bool started;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	started = posix_spawnp(&pid, program, &actions, NULL, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (used < size - 1 && (n = read(fds[0], ret + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fds[0]);
	while (started && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	ret[used] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return started && status == 0 && ret[0];
}

static void check_daemon(struct doctor *doctor)
{
	char path[PATH_MAX], version[128];

	daemon_path(path, sizeof(path));
	if (version_of(path, version, sizeof(version))) {
		finding(doctor, "ok", "daemon", NULL, "%s is %s", path, version);
		return;
	}
	doctor->cannot_mount = true;
	finding(doctor, "missing", "daemon", "Install spoolfs (meson install), or mend PATH.",
		"%s does not run", path);
}

static void check_fusermount(struct doctor *doctor)
{
	const char *state = geteuid() == 0 ? "warn" : "missing";
	char path[PATH_MAX], version[128] = "";
	struct stat stat_buf;

	if (!in_path("fusermount3", path, sizeof(path)) || stat(path, &stat_buf) < 0) {
		finding(doctor, state, "fusermount3", "Install the package fuse3.",
			"not found; only root can mount");
	} else if (stat_buf.st_uid != 0 || !(stat_buf.st_mode & S_ISUID)) {
		finding(doctor, state, "fusermount3", "As root: chown root and chmod u+s it.",
			"%s is not set-uid root; only root can mount", path);
	} else if (access("/etc/mtab", R_OK) < 0) {
		finding(doctor, state, "fusermount3",
			"As root: ln -s ../proc/self/mounts /etc/mtab.",
			"/etc/mtab: %s; it could not unmount", strerror(errno));
	} else {
		version_of(path, version, sizeof(version));
		finding(doctor, "ok", "fusermount3", NULL, "%s, set-uid root, %s", path,
			version[0] ? version : "of an unknown version");
		return;
	}
	doctor->cannot_mount |= geteuid() != 0;
}

static void check_allow_other(struct doctor *doctor)
{
	FILE *file = fopen("/etc/fuse.conf", "re");
	bool allowed = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \t\r\n")] = '\0';
		allowed |= strcmp(line, "user_allow_other") == 0;
	}
	if (file)
		fclose(file);
	finding(doctor, "ok", "user_allow_other", NULL,
		allowed ? "set in /etc/fuse.conf: users may mount with -o allow_other"
			: "not set in /etc/fuse.conf: a user's own mount is for himself only");
}

#define IO_URING_DISABLED "/proc/sys/kernel/io_uring_disabled"

static void check_io_uring(struct doctor *doctor)
{
	static const char what[] = "FUSE over io_uring";
	char value[16];

	if (!first_line("/sys/module/fuse/parameters/enable_uring", value, sizeof(value)))
		finding(doctor, "warn", what, "Linux 6.14 or newer has it.",
			"not in this kernel; over /dev/fuse small files take about twice as long");
	else if (value[0] != 'Y')
		finding(doctor, "warn", what,
			"As root: echo Y > /sys/module/fuse/parameters/enable_uring; for every "
			"start, \"options fuse enable_uring=1\" in a file of /etc/modprobe.d.",
			"turned off; over /dev/fuse small files take about twice as long");
	else if (first_line(IO_URING_DISABLED, value, sizeof(value)) &&
		 value[0] != '0') /* also 1: a daemon of root serves without privileges */
		finding(doctor, "warn", what, "As root: sysctl kernel.io_uring_disabled=0.",
			"kernel.io_uring_disabled is %s; over /dev/fuse small files take about "
			"twice as long",
			value);
	else
		finding(doctor, "ok", what, NULL, "on");
}

static void check_helper(struct doctor *doctor)
{
	if (access("/sbin/mount.spoolfs", X_OK) == 0)
		finding(doctor, "ok", "mount helper", NULL, "/sbin/mount.spoolfs is there");
	else
		finding(doctor, "warn", "mount helper", "Install spoolfs (meson install).",
			"no /sbin/mount.spoolfs; mount -t spoolfs does not work");
}

/* Not stat(): the kernel answers that from its cache, also for a dead mount. */
static int check_mount(void *arg, const struct mounts_entry *entry)
{
	struct doctor *doctor = arg;
	struct statvfs vfs;

	if (reach_hangs(entry->path)) {
		finding(doctor, "warn", "mount", "Unmount it: umount -l.", "%s does not answer",
			entry->path);
		return 0;
	}
	if (statvfs(entry->path, &vfs) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
		return 0;
	finding(doctor, "warn", "mount",
		geteuid() == 0 ? "Unmount it: umount." : "Unmount it: fusermount3 -u.",
		"%s is dead: its daemon is gone", entry->path);
	return 0;
}

static void check_mounts(struct doctor *doctor)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");

	if (!mountinfo)
		return;
	mounts_each(mountinfo, check_mount, doctor);
	fclose(mountinfo);
}

static void check_detached(struct doctor *doctor)
{
	char who[96], held_by[256], mend[64];
	struct detached *all;
	size_t n;

	if (detached_find("/proc", "/sys/fs/fuse/connections", &all, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		snprintf(mend, sizeof(mend), "To end it: kill -TERM %d.", all[i].supervisor);
		finding(doctor, "warn", "mount", mend,
			"%s is unmounted here, and its daemon (%s) serves still: held by %s",
			all[i].record.mountpoint, detached_who(&all[i], who, sizeof(who)),
			detached_held_by(&all[i], held_by, sizeof(held_by)));
	}
	detached_free(all, n);
}

void doctor_fuse(struct doctor *doctor)
{
	check_kernel(doctor);
	check_device(doctor);
	check_privileges(doctor);
	check_daemon(doctor);
	check_fusermount(doctor);
	check_allow_other(doctor);
	check_helper(doctor);
	check_io_uring(doctor);
	check_mounts(doctor);
	check_detached(doctor);
}
