/* SPDX-License-Identifier: MIT */
#include "host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/mount_table.h"
#include "util/macros.h"
#include "util/proc.h"

/* Return: the root of a detached mount; -1. Before Linux 5.8 both options are those of /proc, so
 * nothing is set there, and what is not of this kernel is refused as unknown. */
static int mount_own(bool processes_only)
{
	spool_cleanup(fd) int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0 ||
	    (processes_only && fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "hidepid", "off", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID |
			       MOUNT_ATTR_NODEV);
}

int spool_procfs_open(enum spool_procfs *ret)
{
	struct spool_proc_status self;
	int fd = mount_own(true), r;

	if (fd >= 0) {
		*ret = SPOOL_PROCFS_OWN;
		return fd;
	}
	/* who has one number there, as here, is in the namespace that it shows */
	r = spool_proc_status("/proc/self/status", &self);
	if (r < 0)
		return r;
	if (!self.top_pidns)
		return -EXDEV;
	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = spool_mount_table_option("/proc", "hidepid") == 0 ? SPOOL_PROCFS_COMMON
								 : SPOOL_PROCFS_HIDING;
	return fd;
}

int spool_procfs_numbers(void)
{
	static const char *const places[] = {"/proc/sys/kernel/ns_last_pid", "/proc/loadavg"};
	spool_cleanup(fd) int own = mount_own(false);
	int fd = own < 0 ? -1 : openat(own, "loadavg", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places) && fd < 0; i++) {
		struct statfs fs;

		fd = open(places[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

int spool_cgroup2_open(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(places); i++) {
		spool_cleanup(fd) int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct statfs fs;

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return spool_steal_fd(&fd);
	}
	return -1;
}
