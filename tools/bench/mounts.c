/* SPDX-License-Identifier: MIT */
#include "bench/mounts.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/setup.h"
#include "common/daemon.h"
#include "common/options.h"
#include "common/usage.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/rmtree.h"

#define BASE "/tmp/spoolbench-XXXXXX"
#define DISK "/var/tmp/spoolbench-XXXXXX"

#define PEERS 2u

/* They do not say when they are ready, so we wait for their mounts. */
#define PEER_STEP_NS (10 * 1000 * 1000)
#define PEER_STEPS 500u

struct bench_mounts {
	char base[sizeof(BASE)];
	char disk[sizeof(DISK)];
	bool has_base, has_disk;
	char program[PATH_MAX]; /* spoolfs */
	struct daemon daemons[BENCH_PLACES];
	unsigned int n_daemons;
	pid_t peers[PEERS]; /* other programs that serve a mount */
	unsigned int n_peers;
};

static const struct variant {
	const char *label, *options;
} variants[] = {
	{"spoolfs", NULL},
	{"spoolfs-dev", "transport=dev"},
	{"spoolfs-writeback", "writeback"},
	{"spoolfs-one-user", "layout=single,noallow_other,xattr=off"}, /* as spoolctl run mounts */
};

static int failed(const char *what)
{
	fprintf(stderr, "spoolbench: %s: %s\n", what, strerror(errno));
	return EXIT_FAILED;
}

static int own_namespace(struct bench_mounts *mounts)
{
	if (geteuid() != 0) {
		fputs("spoolbench: --mounts: only for root (give directories to compare)\n",
		      stderr);
		return EXIT_FAILED;
	}
	daemon_path(mounts->program, sizeof(mounts->program));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return failed("a mount namespace");
	strcpy(mounts->base, BASE);
	mounts->has_base = mkdtemp(mounts->base) != NULL;
	strcpy(mounts->disk, DISK);
	mounts->has_disk = mkdtemp(mounts->disk) != NULL;
	return mounts->has_base && mounts->has_disk ? EXIT_OK : failed("a directory");
}

/* Makes a directory below our own. Return: its path; NULL: out of memory, or it cannot be made. */
static char *new_dir(const struct bench_mounts *mounts, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", mounts->base, name) < 0)
		return NULL;
	if (mkdir(path, 0700) < 0) {
		free(path);
		return NULL;
	}
	return path;
}

static void add_place(struct bench_setup *setup, const char *label, char *base)
{
	struct bench_place *place = &setup->places[setup->n_places++];

	snprintf(place->label, sizeof(place->label), "%s", label);
	place->base = base;
}

static int add_tmpfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *label)
{
	char *dir = new_dir(mounts, label);

	if (!dir || mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0) {
		free(dir);
		return failed(label);
	}
	add_place(setup, label, dir);
	return EXIT_OK;
}

static int add_spoolfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *more,
		       const struct variant *variant)
{
	spool_cleanup(free) char *dir = new_dir(mounts, variant->label);
	spool_cleanup(free) char *options = NULL;
	char *place;
	int r;

	if (!dir || options_join(&options, "log_level=warning") < 0 ||
	    (more[0] && options_join(&options, more) < 0) ||
	    (variant->options && options_join(&options, variant->options) < 0))
		return failed(variant->label);
	/* all that is measured is served in our session, as by daemons that a shell has started */
	r = daemon_start("spoolbench", mounts->program, options, "spoolbench", dir, false,
			 &mounts->daemons[mounts->n_daemons]);
	if (r != EXIT_OK)
		return r;
	mounts->n_daemons++;
	/* in the layout that root's mounts have, unless another is asked for */
	if (asprintf(&place, "%s/self", dir) < 0)
		return failed(variant->label);
	if (access(place, W_OK) < 0)
		strcpy(place, dir);
	add_place(setup, variant->label, place);
	return EXIT_OK;
}

static void exec_peer(const char *const argv[])
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0); /* the terminal's signals are not for it */
	signal(SIGTTOU, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	spool_stdio_to_null(STDOUT_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(errno == ENOENT ? 127 : 1);
}

static bool is_mounted(const char *dir, dev_t before)
{
	struct stat stat_buf;

	return stat(dir, &stat_buf) == 0 && stat_buf.st_dev != before;
}

/* Starts what serves @dir. Return: whether it is mounted; *@ret is 0 when it has ended. */
static bool serve(const char *const argv[], const char *dir, pid_t *ret)
{
	const struct timespec step = {.tv_nsec = PEER_STEP_NS};
	struct stat stat_buf;
	bool mounted = false;

	if (stat(dir, &stat_buf) < 0 || (*ret = fork()) < 0) {
		*ret = 0;
		return false;
	}
	if (*ret == 0)
		exec_peer(argv);
	for (unsigned int i = 0; i < PEER_STEPS && !mounted && *ret != 0; i++) {
		nanosleep(&step, NULL);
		mounted = is_mounted(dir, stat_buf.st_dev);
		if (waitpid(*ret, NULL, WNOHANG) != 0)
			*ret = 0;
	}
	return mounted && *ret != 0;
}

/* Takes @dir, which is NULL when it could not be made. */
static int add_peer(struct bench_mounts *mounts, struct bench_setup *setup, const char *label,
		    const char *const argv[], char *dir)
{
	pid_t pid = 0;

	if (!dir)
		return failed(argv[0]);
	if (!serve(argv, dir, &pid)) {
		fprintf(stderr, "spoolbench: %s: not installed, or cannot be mounted: left out\n",
			argv[0]);
		free(dir);
	} else {
		add_place(setup, label, dir);
	}
	if (pid != 0)
		mounts->peers[mounts->n_peers++] = pid;
	return EXIT_OK;
}

static int add_bindfs(struct bench_mounts *mounts, struct bench_setup *setup)
{
	spool_cleanup(free) char *source = new_dir(mounts, "tmpfs/bindfs");
	char *dir = source ? new_dir(mounts, "bindfs") : NULL;

	return add_peer(mounts, setup, "bindfs over tmpfs",
			(const char *const[]){"bindfs", "-f", source, dir, NULL}, dir);
}

/* What is made goes to the tmpfs as long as it has room, as with a mount of ours. */
static int add_mergerfs(struct bench_mounts *mounts, struct bench_setup *setup)
{
	spool_cleanup(free) char *ram = new_dir(mounts, "tmpfs/mergerfs");
	spool_cleanup(free) char *branches = NULL;
	char *dir = ram ? new_dir(mounts, "mergerfs") : NULL;

	if (dir && asprintf(&branches, "%s:%s/mergerfs", ram, mounts->disk) < 0)
		branches = NULL;
	if (!branches || mkdir(strchr(branches, ':') + 1, 0700) < 0) {
		free(dir);
		return failed("mergerfs");
	}
	return add_peer(mounts, setup, "mergerfs over both",
			(const char *const[]){"mergerfs", "-f", "-o",
					      "category.create=ff,minfreespace=64M", branches, dir,
					      NULL},
			dir);
}

static int add_disk(struct bench_mounts *mounts, struct bench_setup *setup)
{
	char *dir = strdup(mounts->disk);

	if (!dir)
		return failed("disk");
	add_place(setup, "disk (/var/tmp)", dir);
	return EXIT_OK;
}

int bench_mounts_make(const char *options, struct bench_setup *setup, struct bench_mounts **ret)
{
	struct bench_mounts *mounts = calloc(1, sizeof(*mounts));
	int r;

	*ret = mounts;
	if (!mounts)
		return failed("mounts");
	r = own_namespace(mounts);
	if (r == EXIT_OK)
		r = add_tmpfs(mounts, setup, "tmpfs");
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(variants) && r == EXIT_OK; i++)
		r = add_spoolfs(mounts, setup, options, &variants[i]);
	if (r == EXIT_OK)
		r = add_bindfs(mounts, setup);
	if (r == EXIT_OK)
		r = add_mergerfs(mounts, setup);
	if (r == EXIT_OK)
		r = add_disk(mounts, setup);
	return r;
}

/* The mounts end with our mount namespace. Their mount points remain, as other namespaces see
 * those, and can be removed when nothing is mounted on them. */
static void remove_mount(const struct bench_mounts *mounts, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", mounts->base, name);
	umount2(path, MNT_DETACH);
	rmdir(path);
}

void bench_mounts_end(struct bench_mounts *mounts)
{
	if (!mounts)
		return;
	for (unsigned int i = 0; i < mounts->n_daemons; i++)
		daemon_end(&mounts->daemons[i]);
	for (unsigned int i = 0; i < mounts->n_peers; i++) {
		kill(mounts->peers[i], SIGKILL); /* it holds no data that must be kept */
		waitpid(mounts->peers[i], NULL, 0);
	}
	if (mounts->has_base) {
		for (size_t i = 0; i < SPOOL_ARRAY_SIZE(variants); i++)
			remove_mount(mounts, variants[i].label);
		remove_mount(mounts, "mergerfs");
		remove_mount(mounts, "bindfs");
		remove_mount(mounts, "tmpfs");
		rmdir(mounts->base);
	}
	if (mounts->has_disk)
		spool_rmtree(mounts->disk);
	free(mounts);
}
