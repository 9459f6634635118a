/* SPDX-License-Identifier: MIT */

/* spoolfs(8): reads the command line, goes to the background, and supervises. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "options/options.h"
#include "process/mountpoint.h"
#include "process/namespace.h"
#include "process/remount.h"
#include "process/supervisor.h"
#include "host/journal.h"
#include "host/syslog_line.h"
#include "util/cgroup.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/signals.h"
#include "process/worker.h"

static void log_to_stderr(void *ctx, const struct spool_log_line *line)
{
	(void)ctx;
	fprintf(stderr, "spoolfs: %s: %s\n", spool_log_level_name(line->level), line->text);
}

/* Lines go to standard error as well. The user who started us reads them there until the mount
 * serves; after that it is /dev/null. */
static void log_to_syslog(void *ctx, const struct spool_log_line *line)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

	/* lost without a syslog */
	spool_syslog_line(SPOOL_SYSLOG_PATH, priorities[line->level], line->text);
	log_to_stderr(ctx, line);
}

static void log_to_journal(void *ctx, const struct spool_log_line *line)
{
	spool_journal_send(SPOOL_JOURNAL_PATH, line, ctx); /* lost when it takes none */
}

/* Where standard error goes to the journal the lines go there with all that they say. @mountpoint:
 * stays as long as the log. */
static void choose_sink(struct spool_log *log, char *mountpoint)
{
	if (!spool_journal_is(getenv("JOURNAL_STREAM"), STDERR_FILENO) ||
	    access(SPOOL_JOURNAL_PATH, W_OK) < 0)
		return;
	log->sink = log_to_journal;
	log->ctx = mountpoint;
}

static void nothing(void *arg)
{
	(void)arg;
}

/*
 * The daemon leaves the terminal and its signals, but stays in the session: no setsid(). A session
 * of its own would also be a scheduling group of its own (CONFIG_SCHED_AUTOGROUP, sched(7)). A
 * program that waits for a task of another group is taken off its run queue, and is woken on any
 * idle CPU; measured, a request then takes three times as long. In the same group it stays on the
 * CPU of its ring.
 */
static void leave_terminal(void)
{
	int tty;

	setpgid(0, 0); /* not the terminal's foreground: no SIGINT, no SIGHUP at its end */
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return; /* there is none */
	ioctl(tty, TIOCNOTTY);
	close(tty);
}

/* In the background: the descriptor that the starting process waits on. Where that has been killed
 * there is nobody to tell; others may wait for the end of what we have from it all the same. */
static void tell_parent(void *arg)
{
	const char ok = 0;
	int *fd = arg;

	if (write(*fd, &ok, 1) < 0)
		errno = 0; /* it is gone */
	*fd = spool_close(*fd);
	spool_stdio_to_null(STDERR_FILENO);
}

/* The starting process ends when the mount serves, and says by its exit status whether it does. */
static int wait_for_start(int fd, pid_t child)
{
	char byte = 1;
	int status;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return byte;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

static int run_in_background(const struct spool_options *options, struct spool_log *log)
{
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "spoolfs: cannot start: %s\n", strerror(errno));
		return 1;
	}
	if (pid > 0) {
		close(fds[1]);
		return wait_for_start(fds[0], pid);
	}
	close(fds[0]);
	leave_terminal();
	log->sink = log_to_syslog;
	r = spool_supervise(options, log, tell_parent, &fds[1]);
	spool_close(fds[1]);
	return r;
}

/* Our memory holds everybody's files, so it is no reason to kill us before other programs. A value
 * other than 0 was set on purpose, and stays. Only root may lower it. The new value is a guess. */
static void avoid_oom_killer(void)
{
	static const char lower[] = "-500";
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char now[8] = "";

	if (fd >= 0 && read(fd, now, sizeof(now) - 1) > 0 && strcmp(now, "0\n") == 0 &&
	    pwrite(fd, lower, strlen(lower), 0) < 0)
		errno = 0; /* an ordinary user may not lower it */
	if (fd >= 0)
		close(fd);
}

/* Descriptors that we inherit belong to the program that starts us. Nobody else would be able to
 * close them for as long as we serve. */
static void forget_descriptors(const struct spool_options *options)
{
	const int keep[] = {options->holder_fd, options->ready_fd, options->alive_fd,
			    options->backing_fd};

	spool_keep_descriptors(keep, SPOOL_ARRAY_SIZE(keep));
}

/* With too few descriptors the start fails, so that no request fails for want of them later. */
static bool has_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= SPOOL_DESCRIPTORS_MIN)
		return true;
	limit.rlim_cur = SPOOL_DESCRIPTORS_MIN;
	if (limit.rlim_max >= limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return true;
	fprintf(stderr, "spoolfs: RLIMIT_NOFILE is %ju (allowed: at least %u)\n",
		(uintmax_t)limit.rlim_max, SPOOL_DESCRIPTORS_MIN);
	return false;
}

/* Tests mask features of the kernel, to see that we live without them. What a user's environment
 * holds is no reason to. Return: false (a line was written) when they ask for what there is not. */
static bool read_mask(struct spool_options *options)
{
	const char *text = getenv("SPOOLFS_MASK");
	unsigned int mask = 0;

	if (text && geteuid() == 0 && options->foreground &&
	    spool_feature_mask(text, stderr, &mask) < 0)
		return false;
	options->mask |= mask;
	return true;
}

/* Tests cannot wait for limits of many seconds, nor may a busy machine make them come true where a
 * test is about something else. Return: 1 to 1000, 1 where no test says so. */
static int read_factor(const struct spool_options *options, const char *variable)
{
	const char *text = getenv(variable);
	uint64_t n;

	if (!text || geteuid() != 0 || !options->foreground || spool_parse_count(text, &n) < 0)
		return 1;
	return n < 1 || n > 1000 ? 1 : (int)n;
}

/* Return: an exit status. */
static int clear(const struct spool_options *options, struct spool_log *log)
{
	spool_cleanup(free) char *path = NULL;
	int r;

	if (options->namespace && spool_namespace_enter(options->namespace, stderr) < 0)
		return SPOOL_EXIT_USAGE;
	path = spool_mount_resolve(options->mountpoint);
	r = path ? 0 : -errno;
	log->level = SPOOL_LOG_WARNING;
	if (r == 0)
		r = spool_mount_clear(path, log);
	if (r == 0 || r == -ENOENT)
		return 0;
	fprintf(stderr, "spoolfs: --unmount-dead=%.128s: %s\n", options->mountpoint, strerror(-r));
	return 1;
}

int main(int argc, char *argv[])
{
	const struct spool_machine machine = {
		.ram = spool_memory_total("/proc/self/cgroup", "/sys/fs/cgroup"),
		.uid = geteuid(),
		.gid = getegid(),
		.backing = "/var/tmp",
	};
	struct spool_log log = {.sink = log_to_stderr};
	struct spool_options options;
	char *mountpoint;
	int r;

	if (!spool_stdio_open())
		return 1; /* there is nobody to tell */
	spool_signals_reset();
	umask(022); /* that of who starts us may keep us out of what we make */
	if (spool_options_parse(argc, argv, &machine, &options, stderr) < 0)
		return SPOOL_EXIT_USAGE;
	if (options.action == SPOOL_ACTION_HELP) {
		spool_options_help(stdout);
		return 0;
	}
	if (options.action == SPOOL_ACTION_VERSION) {
		puts("spoolfs " SPOOL_VERSION);
		return 0;
	}
	if (options.action == SPOOL_ACTION_CLEAR)
		return clear(&options, &log);
	if (options.action == SPOOL_ACTION_REMOUNT)
		return spool_remount(argc, argv, options.mountpoint);
	if (options.action == SPOOL_ACTION_CHECK)
		return 0; /* what is wrong was said */
	if (!read_mask(&options) || !has_descriptors())
		return SPOOL_EXIT_USAGE;
	options.one_user = spool_mount_is_for_one(&options);
	options.hurry = read_factor(&options, "SPOOL_TEST_HURRY");
	options.patience = read_factor(&options, "SPOOL_TEST_PATIENCE");
	forget_descriptors(&options);
	log.level = options.log_level;
	avoid_oom_killer();
	if (options.namespace &&
	    (options.home = spool_namespace_enter(options.namespace, stderr)) < 0)
		return SPOOL_EXIT_USAGE;
	mountpoint = spool_mount_resolve(options.mountpoint);
	if (mountpoint)
		options.mountpoint = mountpoint; /* chdir() gives relative paths another meaning */
	if (options.foreground)
		choose_sink(&log, mountpoint);
	if (chdir("/") < 0) {
		fprintf(stderr, "spoolfs: cannot start: %s\n", strerror(errno));
		return 1;
	}
	if (options.foreground)
		r = spool_supervise(&options, &log, nothing, NULL);
	else
		r = run_in_background(&options, &log);
	free(mountpoint);
	return r;
}
