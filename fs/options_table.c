/* SPDX-License-Identifier: MIT */
#include "options_internal.h"

#include <errno.h>
#include <string.h>

#include "util/macros.h"
#include "util/parse.h"

static const char *const feature_names[SPOOL_FEATURES_N] = {
	"tmpfile",    "readdirplus",    "rename2",   "copy_file_range", "fallocate",
	"lseek",      "dont_mask",      "posix_acl", "parallel_dirops", "ioctl_dir",
	"async_read", "atomic_o_trunc", "killpriv",  "uring",
};

const char *spool_feature_name(unsigned int i)
{
	return i < SPOOL_FEATURES_N ? feature_names[i] : NULL;
}

static int bad(struct given *given, const struct option_entry *entry, const char *value,
	       const char *what)
{
	fprintf(given->errors, "spoolfs: %s=%s: %s (allowed: %s)\n", entry->name, value, what,
		entry->values);
	return -EINVAL;
}

static int set_amount(struct given *given, const struct option_entry *entry, const char *value,
		      struct amount *ret, bool percent)
{
	uint64_t number = 0;
	unsigned int share = 0;
	int r;

	if (percent && strchr(value, '%')) {
		r = spool_parse_percent(value, &share);
		if (r == 0 && share == 0)
			return bad(given, entry, value, "out of range");
		*ret = (struct amount){.value = share, .percent = true};
	} else {
		r = spool_parse_bytes(value, &number);
		if (r == 0 && number == 0)
			return bad(given, entry, value, "out of range");
		*ret = (struct amount){.value = number};
	}
	if (r == -ERANGE)
		return bad(given, entry, value, "out of range");
	return r < 0 ? bad(given, entry, value, "not a number") : 0;
}

static int set_ram(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->ram, true);
}

static int set_size(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->size, true);
}

static int set_nr_inodes(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->nr_inodes, false);
}

static int set_user_size(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->user_size, true);
}

static int set_user_inodes(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->user_inodes, true);
}

static int set_user_ram(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->user_ram, true);
}

/* The place of @value among @names, or -1. */
static int choose(const char *const *names, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], value) == 0)
			return (int)i;
	}
	return -1;
}

static int set_layout(struct given *given, const struct option_entry *entry, const char *value)
{
	static const char *const names[] = {"private", "single", "shared"};

	given->layout = choose(names, SPOOL_ARRAY_SIZE(names), value);
	return given->layout < 0 ? bad(given, entry, value, "unknown layout") : 0;
}

static int set_modes(struct given *given, const struct option_entry *entry, const char *value)
{
	static const char *const names[] = {"owner", "keep", "refuse"};

	given->modes = choose(names, SPOOL_ARRAY_SIZE(names), value);
	return given->modes < 0 ? bad(given, entry, value, "unknown modes") : 0;
}

static int set_log_level(struct given *given, const struct option_entry *entry, const char *value)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	int level = choose(names, SPOOL_ARRAY_SIZE(names), value);

	if (level < 0)
		return bad(given, entry, value, "unknown level");
	given->options->log_level = (enum spool_log_level)level;
	return 0;
}

static int set_uid(struct given *given, const struct option_entry *entry, const char *value)
{
	uint32_t id = 0;

	if (spool_parse_id(value, &id) < 0)
		return bad(given, entry, value, "not a uid");
	given->uid = id;
	given->uid_given = true;
	return 0;
}

static int set_gid(struct given *given, const struct option_entry *entry, const char *value)
{
	uint32_t id = 0;

	if (spool_parse_id(value, &id) < 0)
		return bad(given, entry, value, "not a gid");
	given->gid = id;
	given->gid_given = true;
	return 0;
}

static int set_mode(struct given *given, const struct option_entry *entry, const char *value)
{
	if (spool_parse_octal(value, &given->mode) < 0)
		return bad(given, entry, value, "not a mode");
	given->mode_given = true;
	return 0;
}

static int set_noexec(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->noexec = true;
	return 0;
}

static int set_transport(struct given *given, const struct option_entry *entry, const char *value)
{
	static const char *const names[] = {"auto", "uring", "dev"};
	int transport = choose(names, SPOOL_ARRAY_SIZE(names), value);

	if (transport < 0)
		return bad(given, entry, value, "unknown transport");
	given->options->transport = (enum spool_transport)transport;
	return 0;
}

static int set_writeback(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->writeback = true;
	return 0;
}

/* Options whose feature is not in this version: only the values that describe what it does. */
static int set_later(struct given *given, const struct option_entry *entry, const char *value)
{
	const char *at = entry->values;
	size_t len = strlen(value);

	while (at) {
		const char *end = strchr(at, '|');
		size_t n = end ? (size_t)(end - at) : strlen(at);

		if (n == len && memcmp(at, value, n) == 0)
			return 0;
		at = end ? end + 1 : NULL;
	}
	return bad(given, entry, value, "not available in this version");
}

static int refuse_ro(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	fputs("spoolfs: ro: a scratch filesystem must be writable (allowed: rw)\n", given->errors);
	return -EINVAL;
}

static int set_mask(struct given *given, const struct option_entry *entry, const char *value)
{
	while (*value) {
		size_t len = strcspn(value, "+");
		unsigned int i = 0;

		while (i < SPOOL_FEATURES_N && (strlen(feature_names[i]) != len ||
						memcmp(feature_names[i], value, len) != 0))
			i++;
		if (i == SPOOL_FEATURES_N)
			return bad(given, entry, value, "unknown feature");
		given->options->mask |= 1u << i;
		value += len;
		value += *value == '+';
	}
	return 0;
}

static int set_allow_other(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->allow_other = true;
	given->options->allow_other_given = true;
	return 0;
}

static int set_fsname(struct given *given, const struct option_entry *entry, const char *value)
{
	if (!*value || strpbrk(value, ",\\"))
		return bad(given, entry, value, "not a name");
	given->options->source = value;
	return 0;
}

static int tolerate(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)given;
	(void)entry;
	(void)value;
	return 0;
}

#define FEATURES                                                                           \
	"tmpfile+readdirplus+rename2+copy_file_range+fallocate+lseek+dont_mask+posix_acl+" \
	"parallel_dirops+ioctl_dir+async_read+atomic_o_trunc+killpriv+uring"

const struct option_entry spool_option_table[] = {
	{"layout", "private|single|shared", "private for root, else single",
	 "a directory for each uid; one user's; one tree for all", set_layout},
	{"modes", "owner|keep|refuse", "owner",
	 "0700 at most; any mode; EPERM for more than 0700 (not in shared)", set_modes},
	{"ram", "BYTES|PERCENT%", "25% of the machine's RAM or of its cgroup's limit", "RAM budget",
	 set_ram},
	{"size", "BYTES|PERCENT%", "ram", "limit of all data and metadata (% of ram)", set_size},
	{"nr_inodes", "COUNT", "1 per 4 KiB of ram, at least 1M", "limit of inodes", set_nr_inodes},
	{"user_size", "BYTES|PERCENT%", "80%", "limit of one uid (% of size)", set_user_size},
	{"user_inodes", "COUNT|PERCENT%", "80%", "inodes of one uid (% of nr_inodes)",
	 set_user_inodes},
	{"user_ram", "BYTES|PERCENT%", "50%", "RAM of one uid (% of ram)", set_user_ram},
	{"uid", "UID", "the mounter's", "owner of the root (single, shared)", set_uid},
	{"gid", "GID", "the mounter's", "group of the root (single, shared)", set_gid},
	{"mode", "OCTAL", "0700 in single, 1777 in shared", "mode of the root", set_mode},
	{"noexec", NULL, "off", "no program may be run from the mount", set_noexec},
	{"threshold", "none", "none", "size from which a file spills", set_later},
	{"backing", "none", "none", "directory to spill to", set_later},
	{"reserve", "5%", "5%", "share of the backing filesystem kept free", set_later},
	{"lifetime", "mount", "mount", "how long files live", set_later},
	{"linger", "2", "2", "seconds that lifetime=close waits", set_later},
	{"session", "none", "none", "what a session is", set_later},
	{"grace", "10", "10", "seconds after a uid's last process", set_later},
	{"detach", "never", "never", "seconds to serve a lazily unmounted mount", set_later},
	{"encrypt", "off", "off", "encrypt what spills", set_later},
	{"mlock", "off", "off", "lock file data in RAM", set_later},
	{"passthrough", "off", "off", "kernel reads spilled files itself", set_later},
	{"backing_any", "off", "off", "allow any backing filesystem", set_later},
	{"pressure", "off", "off", "shrink under memory pressure", set_later},
	{"transport", "auto|uring|dev", "auto", "how requests travel: io_uring, or /dev/fuse",
	 set_transport},
	{"writeback", NULL, "off",
	 "cache writes in the kernel: small ones are faster, errors later", set_writeback},
	{"log_level", "error|warning|info|debug", "info", "what is logged", set_log_level},
	{"allow_other", NULL, "on for root", "other users may use the mount", set_allow_other},
	{"fsname", "NAME", "spoolfs", "source shown in the mount table", set_fsname},
	{"mask", FEATURES, "nothing", "do without these kernel features (for tests)", set_mask},
	{"ro", NULL, NULL, NULL, refuse_ro},
	{"rw", NULL, NULL, NULL, tolerate},
	{"dev", NULL, NULL, NULL, tolerate},
	{"nodev", NULL, NULL, NULL, tolerate},
	{"suid", NULL, NULL, NULL, tolerate},
	{"nosuid", NULL, NULL, NULL, tolerate},
	{"exec", NULL, NULL, NULL, tolerate},
	{"sync", NULL, NULL, NULL, tolerate},
	{"async", NULL, NULL, NULL, tolerate},
	{"atime", NULL, NULL, NULL, tolerate},
	{"noatime", NULL, NULL, NULL, tolerate},
	{"relatime", NULL, NULL, NULL, tolerate},
	{"auto", NULL, NULL, NULL, tolerate},
	{"noauto", NULL, NULL, NULL, tolerate},
	{"user", NULL, NULL, NULL, tolerate},
	{"nouser", NULL, NULL, NULL, tolerate},
	{"users", NULL, NULL, NULL, tolerate},
	{"owner", NULL, NULL, NULL, tolerate},
	{"group", NULL, NULL, NULL, tolerate},
	{"_netdev", NULL, NULL, NULL, tolerate},
	{"nofail", NULL, NULL, NULL, tolerate},
	{"defaults", NULL, NULL, NULL, tolerate},
	{"default_permissions", NULL, NULL, NULL, tolerate},
	{NULL, NULL, NULL, NULL, NULL},
};
