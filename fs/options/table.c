/* SPDX-License-Identifier: MIT */
#include "options/options_internal.h"

#include <errno.h>
#include <string.h>

#include "ctl/names.h"
#include "util/macros.h"
#include "util/parse.h"

#define MS_PER_S 1000u

static int bad(struct given *given, const struct option_entry *entry, const char *value,
	       const char *what)
{
	fprintf(given->errors, "spoolfs: %s=%s: %s (allowed: %s%s%s)\n", entry->name, value, what,
		entry->values, entry->range ? ", " : "", entry->range ? entry->range : "");
	return -EINVAL;
}

static int set_amount(struct given *given, const struct option_entry *entry, const char *value,
		      struct spool_amount *ret, bool percent)
{
	uint64_t number = 0;
	unsigned int share = 0;
	int r;

	if (percent && strchr(value, '%')) {
		r = spool_parse_percent(value, &share);
		if (r == 0 && share == 0)
			return bad(given, entry, value, "out of range");
		*ret = (struct spool_amount){.value = share, .percent = true};
	} else {
		r = spool_parse_bytes(value, &number);
		if (r == 0 && number == 0)
			return bad(given, entry, value, "out of range");
		*ret = (struct spool_amount){.value = number};
	}
	if (r == -ERANGE)
		return bad(given, entry, value, "out of range");
	return r < 0 ? bad(given, entry, value, "not a number") : 0;
}

static int set_ram(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->ram, true);
}

static int set_size(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->size, true);
}

static int set_nr_inodes(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->nr_inodes, false);
}

static int set_user_size(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->user_size, true);
}

static int set_user_inodes(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->user_inodes, true);
}

static int set_user_ram(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_amount(given, entry, value, &given->amounts->user_ram, true);
}

static int set_reserve(struct given *given, const struct option_entry *entry, const char *value)
{
	if (strcmp(value, "0") == 0 || strcmp(value, "0%") == 0) {
		given->amounts->reserve = (struct spool_amount){.value = 0};
		return 0;
	}
	return set_amount(given, entry, value, &given->amounts->reserve, true);
}

static int set_threshold(struct given *given, const struct option_entry *entry, const char *value)
{
	uint64_t bytes = 0;
	int r;

	if (strcmp(value, "none") == 0) {
		given->options->threshold = UINT64_MAX;
		return 0;
	}
	r = spool_parse_bytes(value, &bytes);
	if (r < 0)
		return bad(given, entry, value, r == -ERANGE ? "out of range" : "not a number");
	given->options->threshold = bytes;
	return 0;
}

static int set_seconds(struct given *given, const struct option_entry *entry, const char *value,
		       uint32_t *ret)
{
	int r = spool_parse_seconds(value, ret);

	if (r < 0)
		return bad(given, entry, value, r == -ERANGE ? "out of range" : "not a time");
	return 0;
}

static int set_linger(struct given *given, const struct option_entry *entry, const char *value)
{
	uint32_t seconds = 0;
	int r = set_seconds(given, entry, value, &seconds);

	if (r == 0 && seconds > SPOOL_LINGER_MAX_MS / MS_PER_S)
		return bad(given, entry, value, "out of range");
	if (r == 0)
		given->options->config.linger_ms = seconds * (uint64_t)MS_PER_S;
	return r;
}

static int set_grace(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_seconds(given, entry, value, &given->options->grace);
}

static int set_detach(struct given *given, const struct option_entry *entry, const char *value)
{
	uint32_t seconds = 0;
	int r;

	if (strcmp(value, "never") == 0) {
		given->options->detach = SPOOL_DETACH_NEVER;
		return 0;
	}
	r = set_seconds(given, entry, value, &seconds);
	if (r == 0)
		given->options->detach = seconds;
	return r;
}

static int set_backing(struct given *given, const struct option_entry *entry, const char *value)
{
	if (strcmp(value, "none") != 0 && value[0] != '/')
		return bad(given, entry, value, "not an absolute path");
	given->backing = value;
	return 0;
}

static int set_switch(struct given *given, const struct option_entry *entry, const char *value,
		      bool *ret)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return bad(given, entry, value, "neither on nor off");
	*ret = strcmp(value, "on") == 0;
	return 0;
}

static int set_backing_any(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_switch(given, entry, value, &given->options->backing_any);
}

static int set_encrypt(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_switch(given, entry, value, &given->options->encrypt);
}

static int set_mlock(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_switch(given, entry, value, &given->options->mlock);
}

static int set_pressure(struct given *given, const struct option_entry *entry, const char *value)
{
	bool on = false;
	int r = set_switch(given, entry, value, &on);

	if (r == 0)
		given->options->pressure = on ? SPOOL_PRESSURE_ON : SPOOL_PRESSURE_OFF;
	return r;
}

/* Return: the index of @value in @names; -1: it is not there. */
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
	given->layout = spool_ctl_number(SPOOL_CTL_LAYOUTS, value);
	return given->layout < 0 ? bad(given, entry, value, "unknown layout") : 0;
}

static int set_modes(struct given *given, const struct option_entry *entry, const char *value)
{
	given->modes = spool_ctl_number(SPOOL_CTL_MODES, value);
	return given->modes < 0 ? bad(given, entry, value, "unknown modes") : 0;
}

static int set_lifetime(struct given *given, const struct option_entry *entry, const char *value)
{
	given->lifetime = spool_ctl_number(SPOOL_CTL_LIFETIMES, value);
	return given->lifetime < 0 ? bad(given, entry, value, "unknown lifetime") : 0;
}

static int set_session(struct given *given, const struct option_entry *entry, const char *value)
{
	int mode = spool_ctl_number(SPOOL_CTL_SESSION_MODES, value);

	if (mode < 0)
		return bad(given, entry, value, "unknown kind of session");
	given->options->session = (enum spool_session_mode)mode;
	return 0;
}

static int set_log_level(struct given *given, const struct option_entry *entry, const char *value)
{
	int level = spool_ctl_number(SPOOL_CTL_LOG_LEVELS, value);

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

static int set_nice(struct given *given, const struct option_entry *entry, const char *value)
{
	uint64_t number = 0;

	if (spool_parse_count(value + (*value == '-'), &number) < 0)
		return bad(given, entry, value, "not a number");
	if (number > (*value == '-' ? 20 : 19))
		return bad(given, entry, value, "out of range");
	given->options->nice = *value == '-' ? -(int)number : (int)number;
	return 0;
}

static int set_writeback(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->writeback = true;
	return 0;
}

static int set_xattr(struct given *given, const struct option_entry *entry, const char *value)
{
	return set_switch(given, entry, value, &given->options->xattr);
}

static int set_remount(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->action = SPOOL_ACTION_REMOUNT;
	return 0;
}

static int refuse_ro(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	fputs("spoolfs: ro: a scratch filesystem must be writable (allowed: rw)\n", given->errors);
	return -EINVAL;
}

static int set_allow_other(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->allow_other = true;
	given->options->allow_other_given = true;
	return 0;
}

static int set_noallow_other(struct given *given, const struct option_entry *entry,
			     const char *value)
{
	(void)entry;
	(void)value;
	given->options->allow_other = false;
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

static int set_exec(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)entry;
	(void)value;
	given->options->noexec = false;
	return 0;
}

static int set_symfollow(struct given *given, const struct option_entry *entry, const char *value)
{
	(void)value;
	given->options->nosymfollow = entry->name[0] == 'n';
	return 0;
}

/* mount(8) passes these on to every filesystem. They have no effect: nosuid and nodev are always
 * on, there is no disk that a directory would be synchronized with, there are no access times and
 * no mandatory locks. The others are for mount(8) itself. */
static const char *const without_meaning[] = {
	"_netdev",    "async",       "atime",      "auto",          "defaults",
	"dev",        "diratime",    "dirsync",    "group",         "default_permissions",
	"iversion",   "lazytime",    "loud",       "mand",          "noatime",
	"noauto",     "nodev",       "nodiratime", "nofail",        "noiversion",
	"nolazytime", "nomand",      "norelatime", "nostrictatime", "nosuid",
	"nouser",     "nousers",     "owner",      "relatime",      "rw",
	"silent",     "strictatime", "suid",       "sync",          "user",
	"users",
};

bool spool_option_means_nothing(const char *option)
{
	return choose(without_meaning, SPOOL_ARRAY_SIZE(without_meaning), option) >= 0;
}

const struct option_entry spool_option_table[] = {
	{"layout", "private|single|shared", "private for root, else single",
	 "a directory for each uid; one user's; one tree for all", set_layout, NULL},
	{"modes", "owner|strict|keep|refuse", "owner",
	 "files are made 0700 at most, chmod is honoured; is cut; creation is honoured too; more "
	 "than 0700 is EPERM (not in shared)",
	 set_modes, NULL},
	{"ram", "BYTES|PERCENT%", "25% of the machine's RAM or of its cgroup's limit", "RAM budget",
	 set_ram, "1M or more, 1% to 100%"},
	{"size", "BYTES|PERCENT%", "ram + 80% of what is free on the backing filesystem",
	 "limit of all data and metadata (% of ram)", set_size, "1M or more, 1% to 100%"},
	{"nr_inodes", "COUNT", "1 per 4 KiB of ram, at least 1M", "limit of inodes", set_nr_inodes,
	 "4 or more"},
	{"user_size", "BYTES|PERCENT%", "80%; 100% in single", "limit of one uid (% of size)",
	 set_user_size, "4K or more, 1% to 100%"},
	{"user_inodes", "COUNT|PERCENT%", "80%; 100% in single",
	 "inodes of one uid (% of nr_inodes)", set_user_inodes, "2 or more, 1% to 100%"},
	{"user_ram", "BYTES|PERCENT%", "50%; 100% in single", "RAM of one uid (% of ram)",
	 set_user_ram, "4K or more, 1% to 100%"},
	{"uid", "UID", "the mounter's", "owner of the root (single, shared)", set_uid,
	 "0 to 4294967294"},
	{"gid", "GID", "the mounter's", "group of the root (single, shared)", set_gid,
	 "0 to 4294967294"},
	{"mode", "OCTAL", "0700 in single, 1777 in shared", "mode of the root", set_mode,
	 "0 to 7777"},
	{"noexec", NULL, "off", "no program may be run from the mount", set_noexec, NULL},
	{"nosymfollow", NULL, "off", "symbolic links are not followed (for root to set)",
	 set_symfollow, NULL},
	{"threshold", "BYTES|none", "16M",
	 "a file with more data goes to the disk (0: every file; none: only for want of RAM)",
	 set_threshold, "less than 8E"},
	{"backing", "DIR|none", "/var/tmp", "directory to spill to (none: RAM only)", set_backing,
	 NULL},
	{"reserve", "BYTES|PERCENT%", "5%", "what stays free on the backing filesystem",
	 set_reserve, "less than 8E, 0% to 100%"},
	{"lifetime", "session|close|mount", "session; mount in shared",
	 "how long files live: until their session ends; until they are closed; until the mount "
	 "ends",
	 set_lifetime, NULL},
	{"linger", "SECONDS", "2", "how long lifetime=close waits for another open, 1d at most",
	 set_linger, "0 to 1d"},
	{"session", "auto|login|cgroup|uid|sid|none", "auto",
	 "what holds a session together: login if there is one, else uid; an audit session; a "
	 "cgroup; all of a uid; a POSIX session; nothing",
	 set_session, NULL},
	{"grace", "SECONDS", "10", "how long a uid must have no process", set_grace, "0 to 24855d"},
	{"detach", "SECONDS|never", "5",
	 "until everything goes that is mounted no more, in use or not", set_detach, "0 to 24855d"},
	{"encrypt", "on|off", "on", "encrypt what spills (off: checksums only)", set_encrypt, NULL},
	{"mlock", "on|off", "off", "lock file data in RAM, so that they are never swapped",
	 set_mlock, NULL},
	{"backing_any", "on|off", "off", "allow a backing directory in RAM or on FUSE",
	 set_backing_any, NULL},
	{"pressure", "on|off", "on where /proc/pressure/memory exists",
	 "use less RAM when the machine is short of it", set_pressure, NULL},
	{"transport", "auto|uring|dev", "auto", "how requests travel: io_uring, or /dev/fuse",
	 set_transport, NULL},
	{"nice", "-20...19", "-10, as far as RLIMIT_NICE lets who is not root",
	 "how the daemon's threads compete for the CPUs, nice(1)", set_nice, NULL},
	{"writeback", NULL, "off",
	 "cache writes in the kernel: small ones are faster, errors later", set_writeback, NULL},
	{"xattr", "on|off", "on", "extended attributes (off: new files are written faster)",
	 set_xattr, NULL},
	{"log_level", "error|warning|info|debug", "info", "what is logged", set_log_level, NULL},
	{"allow_other", NULL, "on for root", "other users may use the mount", set_allow_other,
	 NULL},
	{"noallow_other", NULL, "on for others than root",
	 "nobody but the user who mounts may use it (not in private)", set_noallow_other, NULL},
	{"fsname", "NAME", "spoolfs", "source shown in the mount table", set_fsname, NULL},
	{"ro", NULL, NULL, NULL, refuse_ro, NULL},
	{"remount", NULL, NULL, NULL, set_remount, NULL},
	{"exec", NULL, NULL, NULL, set_exec, NULL},
	{"symfollow", NULL, NULL, NULL, set_symfollow, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};
