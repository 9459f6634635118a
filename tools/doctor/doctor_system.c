/* SPDX-License-Identifier: MIT */
#include "doctor/doctor.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/userns.h"
#include "util/cgroup.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/parse.h"

static void check_pressure(struct doctor *doctor)
{
	if (access("/proc/pressure/memory", R_OK) == 0)
		finding(doctor, "ok", "pressure (PSI)", NULL,
			"/proc/pressure/memory is there; a mount uses less RAM when memory is "
			"short");
	else
		finding(doctor, "warn", "pressure (PSI)", "Boot with psi=1.",
			"/proc/pressure/memory: %s; a mount cannot tell when memory is short",
			strerror(errno));
}

/* A swap device that cannot be read later: in RAM itself, or encrypted. */
static bool is_safe_swap(const char *device)
{
	spool_cleanup(free) char *path = realpath(device, NULL);
	char uuid_path[128], uuid[64];
	const char *name;

	if (!path || strncmp(path, "/dev/", 5) != 0)
		return false;
	name = basename(path);
	if (strncmp(name, "zram", 4) == 0)
		return true;
	snprintf(uuid_path, sizeof(uuid_path), "/sys/class/block/%.64s/dm/uuid", name);
	return first_line(uuid_path, uuid, sizeof(uuid)) && strncmp(uuid, "CRYPT-", 6) == 0;
}

/* Reads /proc/swaps: a heading, then a line for each that begins with its path. */
static void check_swap(struct doctor *doctor)
{
	FILE *file = fopen("/proc/swaps", "re");
	unsigned int n = 0, n_safe = 0;
	char line[PATH_MAX + 128];

	while (file && fgets(line, sizeof(line), file)) {
		if (line[0] != '/')
			continue;
		line[strcspn(line, " \t")] = '\0';
		n++;
		n_safe += is_safe_swap(line);
	}
	if (file)
		fclose(file);
	if (n == 0)
		finding(doctor, "ok", "swap", NULL, "off: file data stay in RAM");
	else if (n == n_safe)
		finding(doctor, "ok", "swap", NULL, "on, encrypted or in compressed RAM");
	else
		finding(doctor, "warn", "swap",
			"Encrypt it, use zram instead, or turn it off (as root: swapoff -a).",
			"on, and %u of %u not encrypted: file data of a mount whose status says "
			"\"may swap\" may be written to a disk",
			n - n_safe, n);
}

static void format_limit(rlim_t limit, rlim_t unit, char *buf, size_t size)
{
	if (limit == RLIM_INFINITY)
		snprintf(buf, size, "unlimited");
	else
		snprintf(buf, size, "%ju", (uintmax_t)(limit / unit));
}

/* Of these two limits the hard ones count: a daemon raises its own to them (fs/process/worker.c).
 */
static void check_descriptors(struct doctor *doctor)
{
	int rings = get_nprocs_conf();
	const char *state = "ok", *mend = NULL;
	struct rlimit limit;
	char files[32];

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max < SPOOL_DESCRIPTORS_MIN) {
		state = "missing";
		mend = "Raise the hard limit (limits.conf(5)): 48 and two for each CPU.";
		doctor->cannot_mount = true;
	} else if (limit.rlim_max < SPOOL_DESCRIPTORS_MIN + 2 * (rlim_t)rings) {
		state = "warn";
		mend = "Raise the hard limit (limits.conf(5)), or mount with transport=dev.";
	}
	format_limit(limit.rlim_max, 1, files, sizeof(files));
	finding(doctor, state, "RLIMIT_NOFILE", mend,
		"%s descriptors; a daemon uses some 40 and two for each CPU, however many files "
		"are open, at most 4096 for what is on the disk, and one for each session",
		files);
}

static void check_locked_memory(struct doctor *doctor)
{
	struct rlimit limit;
	char locked[32];

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (geteuid() == 0) {
		finding(doctor, "ok", "RLIMIT_MEMLOCK", NULL,
			"does not bind root: the keys of encrypted data are locked in RAM");
		return;
	}
	if (limit.rlim_max < (rlim_t)sysconf(_SC_PAGESIZE)) { /* they are locked by the page */
		finding(doctor, "warn", "RLIMIT_MEMLOCK", "Raise the hard limit (limits.conf(5)).",
			"no page may be locked: the keys of encrypted data may be swapped out");
		return;
	}
	format_limit(limit.rlim_max, 1024, locked, sizeof(locked));
	finding(doctor, "ok", "RLIMIT_MEMLOCK", NULL,
		"%s%s: for the keys of encrypted data, 32 bytes a file", locked,
		limit.rlim_max == RLIM_INFINITY ? "" : " KiB");
}

static void check_memory(struct doctor *doctor)
{
	uint64_t limit = spool_cgroup_memory("/proc/self/cgroup", "/sys/fs/cgroup");
	uint64_t ram = spool_machine_memory();
	char machine[16], cgroup[16];

	spool_format_bytes(ram, machine);
	if (limit >= ram) {
		finding(doctor, "ok", "memory", NULL, "%s, no lower limit of this cgroup", machine);
		return;
	}
	spool_format_bytes(limit, cgroup);
	finding(doctor, "ok", "memory", NULL,
		"%s, but %s in this cgroup; a daemon that is started here lives within that",
		machine, cgroup);
}

/* Of linux/landlock.h, which older headers lack; the number is the same on all machines. */
#define NR_LANDLOCK_CREATE_RULESET 444
#define LANDLOCK_CREATE_RULESET_VERSION 1U

/* The sandbox that a daemon enters where it can (fs/security/sandbox.h). spoolctl status shows what
 * a running daemon has. */
static void check_sandbox(struct doctor *doctor)
{
	long abi = syscall(NR_LANDLOCK_CREATE_RULESET, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi > 0)
		finding(doctor, "ok", "Landlock", NULL,
			"ABI %ld: a daemon reaches its backing directory only", abi);
	else
		finding(doctor, "warn", "Landlock",
			errno == EOPNOTSUPP ? "Boot with lsm=landlock,... ."
					    : "Linux 5.13 or newer has it.",
			"%s: a daemon can reach all files of who starts it", strerror(errno));
	if (access("/proc/sys/kernel/seccomp/actions_avail", R_OK) == 0)
		finding(doctor, "ok", "seccomp", NULL,
			"filters: a daemon makes the system calls only that it needs");
	else
		finding(doctor, "warn", "seccomp", "A kernel with CONFIG_SECCOMP_FILTER has it.",
			"no filters: a daemon can make all system calls");
}

/* The check does not try it out: that would take a new process, which may be forbidden as well. */
static void check_user_namespaces(struct doctor *doctor)
{
	int value;
	const char *name = userns_forbidden_by(&value);

	if (!name)
		finding(doctor, "ok", "user namespaces", NULL,
			"no setting forbids them: spoolctl run --tmp is for all users");
	else
		finding(doctor, "warn", "user namespaces",
			"Set it otherwise with sysctl(8), if users are to have --tmp.",
			"%s is %d: spoolctl run --tmp is for root only", name, value);
}

static void check_pam(struct doctor *doctor)
{
	static const char *const places[] = {"/lib/*/security/pam_unix.so",
					     "/lib64/security/pam_unix.so",
					     "/lib/security/pam_unix.so"};
	char module[PATH_MAX];
	glob_t found = {0};
	bool there = false;

	for (size_t i = 0; !there && i < SPOOL_ARRAY_SIZE(places); i++) {
		there = glob(places[i], 0, NULL, &found) == 0;
		if (there)
			snprintf(module, sizeof(module), "%s/pam_spoolfs.so",
				 dirname(found.gl_pathv[0]));
		globfree(&found);
	}
	if (!there)
		finding(doctor, "ok", "PAM", NULL, "not installed");
	else if (access(module, F_OK) == 0)
		finding(doctor, "ok", "PAM", NULL, "%s can give logins their TMPDIR", module);
	else
		finding(doctor, "ok", "PAM", NULL,
			"%s is not there (meson install): logins set TMPDIR themselves", module);
}

void doctor_system(struct doctor *doctor)
{
	check_memory(doctor);
	check_swap(doctor);
	check_pressure(doctor);
	check_descriptors(doctor);
	check_locked_memory(doctor);
	check_sandbox(doctor);
	check_user_namespaces(doctor);
	check_pam(doctor);
}
