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

#define TMPFS "tmpfs"

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

/* What can be mounted, at a mount point of its @name. */
struct kind {
	const char *name;
	const char *label;   /* in the report; NULL: @name */
	const char *options; /* of spoolfs; or NULL */
	int (*add)(struct bench_mounts *mounts, struct bench_setup *setup, const char *options,
		   const struct kind *kind);
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

/* It is there in any case, as others lie over it. */
static int mount_tmpfs(const struct bench_mounts *mounts)
{
	spool_cleanup(free) char *dir = new_dir(mounts, TMPFS);

	if (!dir || mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0)
		return failed(TMPFS);
	return EXIT_OK;
}

static int add_tmpfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *options,
		     const struct kind *kind)
{
	char *dir;

	(void)options;
	if (asprintf(&dir, "%s/" TMPFS, mounts->base) < 0)
		return failed(TMPFS);
	add_place(setup, kind->name, dir);
	return EXIT_OK;
}

static int add_spoolfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *more,
		       const struct kind *kind)
{
	spool_cleanup(free) char *dir = new_dir(mounts, kind->name);
	spool_cleanup(free) char *options = NULL;
	char *place;
	int r;

	if (!dir || options_join(&options, "log_level=warning") < 0 ||
	    (more[0] && options_join(&options, more) < 0) ||
	    (kind->options && options_join(&options, kind->options) < 0))
		return failed(kind->name);
	/* all that is measured is served in our session, as by daemons that a shell has started */
	r = daemon_start("spoolbench", mounts->program, options, "spoolbench", dir, false,
			 &mounts->daemons[mounts->n_daemons]);
	if (r != EXIT_OK)
		return r;
	mounts->n_daemons++;
	/* in the layout that root's mounts have, unless another is asked for */
	if (asprintf(&place, "%s/self", dir) < 0)
		return failed(kind->name);
	if (access(place, W_OK) < 0)
		strcpy(place, dir);
	add_place(setup, kind->name, place);
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
static int add_peer(struct bench_mounts *mounts, struct bench_setup *setup, const struct kind *kind,
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
		add_place(setup, kind->label, dir);
	}
	if (pid != 0)
		mounts->peers[mounts->n_peers++] = pid;
	return EXIT_OK;
}

static int add_bindfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *options,
		      const struct kind *kind)
{
	spool_cleanup(free) char *source = new_dir(mounts, TMPFS "/bindfs");
	char *dir = source ? new_dir(mounts, kind->name) : NULL;

	(void)options;
	return add_peer(mounts, setup, kind,
			(const char *const[]){"bindfs", "-f", source, dir, NULL}, dir);
}

/* What is made goes to the tmpfs as long as it has room, as with a mount of ours. */
static int add_mergerfs(struct bench_mounts *mounts, struct bench_setup *setup, const char *options,
			const struct kind *kind)
{
	spool_cleanup(free) char *ram = new_dir(mounts, TMPFS "/mergerfs");
	spool_cleanup(free) char *branches = NULL;
	char *dir = ram ? new_dir(mounts, kind->name) : NULL;

	(void)options;
	if (dir && asprintf(&branches, "%s:%s/mergerfs", ram, mounts->disk) < 0)
		branches = NULL;
	if (!branches || mkdir(strchr(branches, ':') + 1, 0700) < 0) {
		free(dir);
		return failed("mergerfs");
	}
	return add_peer(mounts, setup, kind,
			(const char *const[]){"mergerfs", "-f", "-o",
					      "category.create=ff,minfreespace=64M", branches, dir,
					      NULL},
			dir);
}

static int add_disk(struct bench_mounts *mounts, struct bench_setup *setup, const char *options,
		    const struct kind *kind)
{
	char *dir = strdup(mounts->disk);

	(void)options;
	if (!dir)
		return failed("disk");
	add_place(setup, kind->label, dir);
	return EXIT_OK;
}

static const struct kind kinds[BENCH_MOUNTS] = {
	{.name = TMPFS, .add = add_tmpfs},
	{.name = "spoolfs", .add = add_spoolfs},
	{.name = "spoolfs-dev", .options = "transport=dev", .add = add_spoolfs},
	{.name = "spoolfs-writeback", .options = "writeback", .add = add_spoolfs},
	{.name = "spoolfs-one-user", /* as spoolctl run mounts */
	 .options = "layout=single,noallow_other,xattr=off",
	 .add = add_spoolfs},
	{.name = "spoolfs-no-threshold", .options = "threshold=none", .add = add_spoolfs},
	{.name = "spoolfs-ram-256m", .options = "ram=256M", .add = add_spoolfs},
	{.name = "bindfs", .label = "bindfs over tmpfs", .add = add_bindfs},
	{.name = "mergerfs", .label = "mergerfs over both", .add = add_mergerfs},
	{.name = "disk", .label = "disk (/var/tmp)", .add = add_disk},
};

int bench_mounts_find(const char *name, size_t len)
{
	for (int i = 0; i < (int)BENCH_MOUNTS; i++) {
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

int bench_mounts_make(const int *list, unsigned int n, const char *options,
		      struct bench_setup *setup, struct bench_mounts **ret)
{
	struct bench_mounts *mounts = calloc(1, sizeof(*mounts));
	int r;

	*ret = mounts;
	if (!mounts)
		return failed("mounts");
	r = own_namespace(mounts);
	if (r == EXIT_OK)
		r = mount_tmpfs(mounts);
	for (unsigned int i = 0; i < n && r == EXIT_OK; i++)
		r = kinds[list[i]].add(mounts, setup, options, &kinds[list[i]]);
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
		for (size_t i = BENCH_MOUNTS; i-- > 0;) /* the tmpfs, below others, at last */
			remove_mount(mounts, kinds[i].name);
		rmdir(mounts->base);
	}
	if (mounts->has_disk)
		spool_rmtree(mounts->disk);
	free(mounts);
}
