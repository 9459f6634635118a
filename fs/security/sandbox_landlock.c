/* SPDX-License-Identifier: MIT */
#include "security/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "security/sandbox.h"
#include "util/macros.h"

/* From linux/landlock.h and asm/unistd.h, as older headers lack some of them. The numbers of these
 * system calls are the same on all architectures. */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE 445
#define NR_RESTRICT_SELF 446
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_ALL(abi) \
	((UINT64_C(1) << ((abi) >= 5 ? 16 : (abi) >= 3 ? 15 : (abi) >= 2 ? 14 : 13)) - 1)
#define NET_ALL 3U   /* ABI 4: bind and connect of TCP */
#define SCOPE_ALL 3U /* ABI 6: abstract sockets of others, signals to others */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

/* The kernel reads the first 12 bytes. */
struct path_beneath_attr {
	uint64_t access;
	int32_t fd;
};

/* What is opened while we serve, besides files of the backing directory. */
static const struct {
	const char *path;
	uint64_t access;
} later[] = {
	{"/dev/null", FS_READ_FILE | FS_WRITE_FILE},             /* for the standard streams */
	{"/sys/devices/system/cpu", FS_READ_FILE | FS_READ_DIR}, /* how many rings; sysconf(3) */
	{"/proc/meminfo", FS_READ_FILE},
	{"/etc/localtime", FS_READ_FILE}, /* log lines */
};

/* The kernel refuses rights that make no sense for the kind of file, and those that it does not
 * know. */
static int allow(int ruleset, int fd, uint64_t access, int abi)
{
	struct path_beneath_attr attr = {.access = access & FS_ALL(abi), .fd = fd};

	return syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int add_rules(int ruleset, const struct spool_sandbox_needs *needs, int abi)
{
	int r = 0;

	if (needs->backing_fd >= 0)
		r = allow(ruleset, needs->backing_fd,
			  FS_READ_FILE | FS_WRITE_FILE | FS_MAKE_REG | FS_REMOVE_FILE | FS_TRUNCATE,
			  abi);
	if (r == 0 && needs->proc_fd >= 0)
		r = allow(ruleset, needs->proc_fd, FS_READ_FILE | FS_READ_DIR, abi);
	if (r == 0 && needs->cgroup_fd >= 0)
		r = allow(ruleset, needs->cgroup_fd, FS_READ_FILE, abi);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(later) && r == 0; i++) {
		spool_cleanup(fd) int fd = open(later[i].path, O_PATH | O_CLOEXEC);

		if (fd >= 0) /* else it is not there */
			r = allow(ruleset, fd, later[i].access, abi);
	}
	return r;
}

static size_t attr_size(int abi)
{
	struct ruleset_attr attr;

	return abi >= 6   ? sizeof(attr)
	       : abi >= 4 ? sizeof(attr.fs) + sizeof(attr.net)
			  : sizeof(attr.fs);
}

static int restrict_self(const struct spool_sandbox_needs *needs, int abi)
{
	const struct ruleset_attr attr = {.fs = FS_ALL(abi), .net = NET_ALL, .scoped = SCOPE_ALL};
	spool_cleanup(fd) int ruleset = (int)syscall(NR_CREATE_RULESET, &attr, attr_size(abi), 0);
	int r;

	if (ruleset < 0)
		return -errno;
	r = add_rules(ruleset, needs, abi);
	if (r == 0 && syscall(NR_RESTRICT_SELF, ruleset, 0) < 0)
		r = -errno;
	return r;
}

int sandbox_landlock(const struct spool_sandbox_needs *needs, char *why, size_t size)
{
	int abi, r;

	if (!SANDBOX_IS_BUILT) {
		snprintf(why, size, "off: built with a sanitizer, which needs more");
		return -ENOTSUP;
	}
	abi = (int)syscall(NR_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	if (abi < 0) {
		r = -errno;
		snprintf(why, size, "off: %s",
			 r == -ENOSYS       ? "not in this kernel (Linux 5.13)"
			 : r == -EOPNOTSUPP ? "not turned on in this kernel (lsm=landlock,...)"
					    : strerror(-r));
		return r;
	}
	r = restrict_self(needs, abi);
	if (r < 0)
		snprintf(why, size, "off: %s", strerror(-r));
	else
		snprintf(why, size, "on (ABI %d)", abi);
	return r;
}
