/* SPDX-License-Identifier: MIT */

/* spoolctl doctor: looks at what spoolfs needs and can use, changes nothing. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"
#include "json.h"
#include "mounts.h"
#include "util/macros.h"

struct doctor {
	struct json *json; /* NULL: for people */
	bool cannot_mount;
};

/* One finding. @mend: what to do about it, or NULL. */
static void finding(struct doctor *doctor, const char *state, const char *what, const char *mend,
		    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void finding(struct doctor *doctor, const char *state, const char *what, const char *mend,
		    const char *fmt, ...)
{
	char fact[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(fact, sizeof(fact), fmt, args);
	va_end(args);
	if (!doctor->json) {
		printf("%-8s %s: %s.%s%s\n", state, what, fact, mend ? " " : "", mend ? mend : "");
		return;
	}
	json_open(doctor->json, NULL, '{');
	json_string(doctor->json, "state", state);
	json_string(doctor->json, "what", what);
	json_string(doctor->json, "fact", fact);
	if (mend)
		json_string(doctor->json, "mend", mend);
	json_close(doctor->json, '}');
}

static void check_kernel(struct doctor *doctor)
{
	struct utsname name;

	if (uname(&name) == 0)
		finding(doctor, "ok", "kernel", NULL, "Linux %s", name.release);
}

static void check_fuse(struct doctor *doctor)
{
	spool_cleanup(fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		finding(doctor, "ok", "/dev/fuse", NULL, "can be opened");
		return;
	}
	doctor->cannot_mount = true;
	if (errno == EACCES)
		finding(doctor, "missing", "/dev/fuse", "As root: chmod 666 /dev/fuse.",
			"not for this user");
	else
		finding(doctor, "missing", "/dev/fuse", "Load the fuse module (modprobe fuse).",
			"%s", strerror(errno));
}

/* Looks for @name in PATH. Return: true and its path. */
static bool in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (snprintf(ret, size, "%.*s/%s", (int)len, path, name) < (int)size &&
		    access(ret, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static void check_fusermount(struct doctor *doctor)
{
	char path[4096];
	struct stat stat_buf;
	bool needed = geteuid() != 0;

	if (!in_path("fusermount3", path, sizeof(path)) || stat(path, &stat_buf) < 0) {
		doctor->cannot_mount |= needed;
		finding(doctor, needed ? "missing" : "warn", "fusermount3",
			"Install the package fuse3.", "not found; only root can mount");
	} else if (stat_buf.st_uid != 0 || !(stat_buf.st_mode & S_ISUID)) {
		doctor->cannot_mount |= needed;
		finding(doctor, needed ? "missing" : "warn", "fusermount3",
			"As root: chown root and chmod u+s it.", "%s is not set-uid root", path);
	} else {
		finding(doctor, "ok", "fusermount3", NULL, "%s, set-uid root", path);
	}
}

static bool first_line(const char *path, char *buf, int size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(buf, size, file);

	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	if (file)
		fclose(file);
	return ok;
}

static void check_io_uring(struct doctor *doctor)
{
	char value[16];

	if (!first_line("/sys/module/fuse/parameters/enable_uring", value, sizeof(value)))
		finding(doctor, "warn", "FUSE over io_uring", "Linux 6.14 or newer has it.",
			"not in this kernel; this version of spoolfs does not use it yet");
	else
		finding(doctor, "ok", "FUSE over io_uring", NULL,
			"enable_uring is %s; this version of spoolfs does not use it yet", value);
}

static void check_pressure(struct doctor *doctor)
{
	if (access("/proc/pressure/memory", R_OK) == 0)
		finding(doctor, "ok", "pressure (PSI)", NULL, "/proc/pressure/memory is there");
	else
		finding(doctor, "warn", "pressure (PSI)", "Boot with psi=1.",
			"/proc/pressure/memory: %s", strerror(errno));
}

static void check_swap(struct doctor *doctor)
{
	char line[256];
	bool swap = false;
	FILE *file = fopen("/proc/swaps", "re");

	while (file && fgets(line, sizeof(line), file))
		swap |= line[0] == '/';
	if (file)
		fclose(file);
	if (swap)
		finding(doctor, "warn", "swap", "Encrypt the swap, or turn it off (swapoff -a).",
			"on: file data may be written to it");
	else
		finding(doctor, "ok", "swap", NULL, "off: file data stay in RAM");
}

static void check_limits(struct doctor *doctor)
{
	struct rlimit nofile, memlock;

	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0 || getrlimit(RLIMIT_MEMLOCK, &memlock) < 0)
		return;
	finding(doctor, "ok", "limits", NULL, "%llu open files, %llu KiB of locked memory",
		(unsigned long long)nofile.rlim_cur, (unsigned long long)memlock.rlim_cur / 1024);
}

static void check_pam(struct doctor *doctor)
{
	if (access("/etc/pam.d", R_OK | X_OK) == 0)
		finding(doctor, "ok", "PAM", NULL,
			"/etc/pam.d is there; this version has no module yet");
	else
		finding(doctor, "warn", "PAM", "Install PAM.", "/etc/pam.d: %s", strerror(errno));
}

static void check_helper(struct doctor *doctor)
{
	if (access("/sbin/mount.spoolfs", X_OK) == 0)
		finding(doctor, "ok", "mount helper", NULL, "/sbin/mount.spoolfs is there");
	else
		finding(doctor, "warn", "mount helper", "Install spoolfs (meson install).",
			"no /sbin/mount.spoolfs; mount -t spoolfs does not work");
}

static int check_mount(void *arg, const char *mountpoint)
{
	struct doctor *doctor = arg;
	struct stat stat_buf;

	if (stat(mountpoint, &stat_buf) < 0 && errno == ENOTCONN)
		finding(doctor, "warn", "mount", "Unmount it: umount, or fusermount3 -u.",
			"%s is dead: its daemon is gone", mountpoint);
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

int cmd_doctor(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true};
	struct doctor doctor = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			puts("usage: spoolctl doctor [--json]\n"
			     "What this machine offers and lacks, and how to mend it. Ends with 1\n"
			     "when this user cannot mount a spoolfs here.");
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--json") != 0) {
			fprintf(stderr, "spoolctl: doctor: %s: not expected (allowed: --json)\n",
				argv[i]);
			return EXIT_USAGE;
		}
		doctor.json = &json;
	}
	if (doctor.json)
		json_open(&json, NULL, '[');
	check_kernel(&doctor);
	check_fuse(&doctor);
	check_fusermount(&doctor);
	check_io_uring(&doctor);
	check_pressure(&doctor);
	check_swap(&doctor);
	check_limits(&doctor);
	check_pam(&doctor);
	check_helper(&doctor);
	check_mounts(&doctor);
	if (doctor.json) {
		json_close(&json, ']');
		putchar('\n');
	}
	return doctor.cannot_mount ? EXIT_FAILED : EXIT_OK;
}
