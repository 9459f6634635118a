/* SPDX-License-Identifier: MIT */

/* Computes the options that depend on each other or on the machine: the layout, the backing
 * directory, and the limits, which may be shares of each other. */

#include "options/options_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spill/backing_dir.h"
#include "util/macros.h"

/* Defaults, which README.md lists. Guesses, as all numbers here. */
#define RAM_PERCENT 25u
#define USER_SIZE_PERCENT 80u
#define USER_INODES_PERCENT 80u
#define USER_RAM_PERCENT 50u
#define INODE_BYTES 4096u     /* one inode for this much of ram */
#define INODES_MIN (1u << 20) /* at least a million */
#define RAM_MIN (1u << 20)    /* less cannot hold a directory tree */
#define NR_INODES_MIN 4u      /* the root, self, a user's directory, a file */
#define USER_INODES_MIN 2u
#define USER_BYTES_MIN 4096u
#define RESERVE_PERCENT 5u
#define BACKING_SIZE_PERCENT 80u                /* of the disk's free space, added to size= */
#define PAGEOUT_RESERVE_MAX ((uint64_t)4 << 20) /* mapped pages that are written back when full */

static uint64_t percent_of(uint64_t whole, uint64_t percent)
{
	/* split, so that no product overflows */
	return whole / 100 * percent + whole % 100 * percent / 100;
}

static uint64_t resolve(const struct spool_amount *amount, uint64_t whole, uint64_t fallback)
{
	if (amount->value == UNSET)
		return fallback;
	return amount->percent ? percent_of(whole, amount->value) : amount->value;
}

/* Return: whether @path is @dir or below it; false when one of them cannot be resolved, which is an
 * error elsewhere. */
static bool is_inside(const char *path, const char *dir)
{
	char *real = realpath(path, NULL), *real_dir = realpath(dir, NULL);
	size_t len = real_dir ? strlen(real_dir) : 0;
	bool inside = real && real_dir && strncmp(real, real_dir, len) == 0 &&
		      (real[len] == '\0' || real[len] == '/' || len == 1);

	free(real);
	free(real_dir);
	return inside;
}

/* The directory is opened before anything is mounted, so that the starting process can say what is
 * wrong with it. Without backing=, a default that cannot be used means RAM only. */
int options_open_backing(struct given *given)
{
	struct spool_options *options = given->options;
	const char *path = given->backing ? given->backing : given->machine->backing;
	char *why = options->backing_why;
	int r;

	options->backing_fd = -1;
	if (!path || strcmp(path, "none") == 0)
		return 0;
	r = spool_backing_dir_check(path, given->options->backing_any, why,
				    sizeof(options->backing_why));
	if (r >= 0 && is_inside(path, options->mountpoint)) {
		close(r);
		r = -EINVAL;
		snprintf(why, sizeof(options->backing_why),
			 "lies in the mount point (allowed: a directory outside of it)");
	}
	if (r < 0 && given->backing) {
		fprintf(given->errors, "spoolfs: backing=%s: %s\n", path, why);
		return -EINVAL;
	}
	if (r < 0)
		return 0;
	*why = '\0';
	options->backing = path;
	options->backing_fd = r;
	return 0;
}

/* Computes what the backing filesystem adds to the size, and what is kept free there. Only a start
 * asks it: a change of a live mount must not wait for the disk. */
static uint64_t resolve_backing(struct given *given)
{
	struct spool_options *options = given->options;
	uint64_t total, free_now = 0;
	struct statvfs fs;

	options->reserve = 0;
	if (options->backing_fd < 0)
		return 0;
	if (!given->now && fstatvfs(options->backing_fd, &fs) == 0) {
		options->backing_total = (uint64_t)fs.f_blocks * fs.f_frsize;
		free_now = (uint64_t)fs.f_bavail * fs.f_frsize;
	}
	total = options->backing_total;
	options->reserve =
		resolve(&given->amounts->reserve, total, percent_of(total, RESERVE_PERCENT));
	return percent_of(free_now, BACKING_SIZE_PERCENT);
}

/* With less, the mount could not hold a file, or not even the root directory. */
static int check_limits(FILE *errors, const struct spool_limits *limits)
{
	const struct {
		const char *name;
		uint64_t value, min;
	} checks[] = {
		{"ram", limits->mount[SPOOL_RES_RAM], RAM_MIN},
		{"size", limits->mount[SPOOL_RES_SIZE], RAM_MIN},
		{"nr_inodes", limits->mount[SPOOL_RES_INODES], NR_INODES_MIN},
		{"user_size", limits->user[SPOOL_RES_SIZE], USER_BYTES_MIN},
		{"user_ram", limits->user[SPOOL_RES_RAM], USER_BYTES_MIN},
		{"user_inodes", limits->user[SPOOL_RES_INODES], USER_INODES_MIN},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(checks); i++) {
		if (checks[i].value >= checks[i].min)
			continue;
		fprintf(errors, "spoolfs: %s=%llu: too small (allowed: at least %llu)\n",
			checks[i].name, (unsigned long long)checks[i].value,
			(unsigned long long)checks[i].min);
		return -EINVAL;
	}
	return 0;
}

/* Return: the limit of one uid: @amount if it was given, else @percent of @whole. In a mount for
 * one user the default is @whole, as there is no other user who needs a part. */
static uint64_t resolve_user(const struct given *given, const struct spool_amount *amount,
			     uint64_t whole, uint64_t percent)
{
	if (given->options->config.layout == SPOOL_LAYOUT_SINGLE)
		percent = 100;
	return resolve(amount, whole, percent_of(whole, percent));
}

int options_resolve_limits(struct given *given)
{
	struct spool_limits *limits = &given->options->config.limits;
	uint64_t ram = resolve(&given->amounts->ram, given->machine->ram,
			       percent_of(given->machine->ram, RAM_PERCENT));
	uint64_t backing = resolve_backing(given);
	uint64_t size = resolve(&given->amounts->size, ram, ram + backing);
	uint64_t inodes = resolve(&given->amounts->nr_inodes, 0,
				  spool_max_u64(ram / INODE_BYTES, INODES_MIN));

	/* changing another option does not change a default */
	if (given->amounts->ram.value == UNSET)
		given->amounts->ram.value = ram;
	if (given->amounts->size.value == UNSET)
		given->amounts->size.value = size;
	if (given->amounts->nr_inodes.value == UNSET)
		given->amounts->nr_inodes.value = inodes;
	limits->mount[SPOOL_RES_RAM] = ram;
	limits->mount[SPOOL_RES_SIZE] = size;
	limits->mount[SPOOL_RES_INODES] = inodes;
	limits->user[SPOOL_RES_SIZE] =
		resolve_user(given, &given->amounts->user_size, size, USER_SIZE_PERCENT);
	limits->user[SPOOL_RES_INODES] =
		resolve_user(given, &given->amounts->user_inodes, inodes, USER_INODES_PERCENT);
	limits->user[SPOOL_RES_RAM] =
		resolve_user(given, &given->amounts->user_ram, ram, USER_RAM_PERCENT);
	limits->pageout_reserve = spool_min_u64(ram / 64, PAGEOUT_RESERVE_MAX);
	return check_limits(given->errors, limits);
}

/* What the kernel is told of the mount. */
static int resolve_kernel(struct given *given)
{
	struct spool_options *options = given->options;

	if (!options->xattr && options->config.layout == SPOOL_LAYOUT_SHARED) {
		fputs("spoolfs: xattr=off: layout=shared has ACLs, which are attributes (allowed: "
		      "on)\n",
		      given->errors);
		return -EINVAL;
	}
	if (options->nosymfollow && given->machine->uid != 0) {
		fputs("spoolfs: nosymfollow: fusermount3 cannot mount so (allowed: symfollow)\n",
		      given->errors);
		return -EINVAL;
	}
	if (!options->xattr)
		options->mask |= SPOOL_FEATURE_XATTR;
	if (!options->allow_other_given)
		options->allow_other = given->machine->uid == 0;
	if (!options->allow_other && options->config.layout == SPOOL_LAYOUT_PRIVATE) {
		fputs("spoolfs: noallow_other: layout=private is for all users (allowed: "
		      "allow_other)\n",
		      given->errors);
		return -EINVAL;
	}
	return 0;
}

int options_resolve_layout(struct given *given)
{
	struct spool_options *options = given->options;
	struct spool_config *config = &options->config;
	bool root = given->machine->uid == 0;

	config->layout = root ? SPOOL_LAYOUT_PRIVATE : SPOOL_LAYOUT_SINGLE;
	if (given->layout >= 0)
		config->layout = (enum spool_layout)given->layout;
	config->modes =
		config->layout == SPOOL_LAYOUT_SHARED ? SPOOL_MODES_KEEP : SPOOL_MODES_OWNER;
	if (given->modes >= 0)
		config->modes = (enum spool_modes)given->modes;
	if (config->layout == SPOOL_LAYOUT_PRIVATE && !root) {
		fputs("spoolfs: layout=private: only root can mount for all users (allowed: "
		      "single, "
		      "shared)\n",
		      given->errors);
		return -EINVAL;
	}
	if (config->layout == SPOOL_LAYOUT_PRIVATE &&
	    (given->uid_given || given->gid_given || given->mode_given)) {
		fputs("spoolfs: uid=, gid=, mode=: the root of layout=private is root's, mode 0755 "
		      "(allowed: in single and shared)\n",
		      given->errors);
		return -EINVAL;
	}
	if (config->layout == SPOOL_LAYOUT_SHARED && given->modes >= 0 &&
	    given->modes != SPOOL_MODES_KEEP) {
		fputs("spoolfs: modes=: layout=shared keeps all modes (allowed: keep)\n",
		      given->errors);
		return -EINVAL;
	}
	config->lifetime = config->layout == SPOOL_LAYOUT_SHARED ? SPOOL_LIFETIME_MOUNT
								 : SPOOL_LIFETIME_SESSION;
	if (given->lifetime >= 0)
		config->lifetime = (enum spool_lifetime)given->lifetime;
	config->root_uid = given->uid_given ? given->uid : given->machine->uid;
	config->root_gid = given->gid_given ? given->gid : given->machine->gid;
	config->root_mode = config->layout == SPOOL_LAYOUT_SHARED ? 01777 : 0700;
	if (given->mode_given)
		config->root_mode =
			config->layout == SPOOL_LAYOUT_SHARED ? given->mode : given->mode & 0700;
	config->acl = config->layout == SPOOL_LAYOUT_SHARED &&
		      !(options->mask & (SPOOL_FEATURE_POSIX_ACL | SPOOL_FEATURE_DONT_MASK));
	return resolve_kernel(given);
}
