/* SPDX-License-Identifier: MIT */
#include "options/options_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/names.h"
#include "ctl/proto.h"
#include "options/line.h"
#include "util/parse.h"

#define THRESHOLD ((uint64_t)16 << 20) /* bytes; the default, a guess */
#define DETACH_S 5u     /* the default: who mounts again at once loses nothing; a guess */
#define LINGER_MS 2000u /* the default: who closes a file and then removes it is faster; a guess */
#define GRACE_S 10u     /* the default: who logs in again at once finds his files; a guess */
#define UNSET_AMOUNT         \
	{                    \
		UNSET, false \
	}

static const struct option_entry *find_option(const char *name, size_t len)
{
	const struct option_entry *entry = spool_option_table;

	while (entry->name && (strlen(entry->name) != len || memcmp(entry->name, name, len) != 0))
		entry++;
	return entry->name ? entry : NULL;
}

/* mount(8) and fstab put comments and options of their own into the list. A remount also gets the
 * options that the kernel shows of a FUSE mount. */
static bool is_comment(const char *option)
{
	return strncmp(option, "user_id=", 8) == 0 || strncmp(option, "group_id=", 9) == 0 ||
	       strncmp(option, "x-", 2) == 0 || strncmp(option, "X-", 2) == 0 ||
	       strncmp(option, "comment=", 8) == 0;
}

/* Return: whether an option that is given to a live mount changes nothing: mount(8) repeats all
 * options of fstab and of the mount table. */
static bool is_as_now(const struct given *given)
{
	const struct spool_options *options = given->options, *now = given->now;
	const struct spool_config *config = &now->config;
	mode_t all = config->layout == SPOOL_LAYOUT_SHARED ? 07777 : 0700;

	return (given->layout < 0 || given->layout == (int)config->layout) &&
	       (given->modes < 0 || given->modes == (int)config->modes) &&
	       (!given->uid_given || given->uid == config->root_uid) &&
	       (!given->gid_given || given->gid == config->root_gid) &&
	       (!given->mode_given || (given->mode & all) == config->root_mode) &&
	       (!given->backing ||
		strcmp(given->backing, now->backing ? now->backing : "none") == 0) &&
	       strcmp(options->source, now->source) == 0 &&
	       options->backing_any == now->backing_any && options->encrypt == now->encrypt &&
	       options->mlock == now->mlock && options->nice == now->nice &&
	       options->transport == now->transport && options->writeback == now->writeback &&
	       options->xattr == now->xattr && options->noexec == now->noexec &&
	       options->nosymfollow == now->nosymfollow && options->allow_other == now->allow_other;
}

static int set_option(void *arg, char *option)
{
	struct given *given = arg;
	char *value = strchr(option, '=');
	size_t len = value ? (size_t)(value - option) : strlen(option);
	const struct option_entry *entry = find_option(option, len);
	int r;

	if (is_comment(option) || spool_option_means_nothing(option))
		return 0;
	if (!entry) {
		fprintf(given->errors,
			"spoolfs: %s: unknown option (allowed: see spoolfs --help)\n", option);
		return -EINVAL;
	}
	if (!entry->values && value) {
		fprintf(given->errors, "spoolfs: %s: takes no value (allowed: %s)\n", option,
			entry->name);
		return -EINVAL;
	}
	if (entry->values && (!value || !value[1])) {
		fprintf(given->errors, "spoolfs: %s: needs a value (allowed: %s)\n", entry->name,
			entry->values);
		return -EINVAL;
	}
	r = entry->set(given, entry, value ? value + 1 : NULL);
	if (r == 0 && given->now && spool_ctl_number(SPOOL_CTL_LIVE, entry->name) < 0 &&
	    !is_as_now(given)) {
		char live[2 * SPOOL_CTL_TEXT];

		fprintf(given->errors,
			"spoolfs: %s: cannot be changed while mounted (allowed: %s)\n", option,
			spool_ctl_join(SPOOL_CTL_LIVE, live, sizeof(live)));
		return -EINVAL;
	}
	return r;
}

/* Calls @fn for each option of @list, which is cut. Return: what @fn returned last; 0. */
static int each_option(char *list, int (*fn)(void *arg, char *option), void *arg)
{
	char *save = NULL;
	int r = 0;

	for (char *option = strtok_r(list, ",", &save); option && r == 0;
	     option = strtok_r(NULL, ",", &save))
		r = fn(arg, option);
	return r;
}

/* The same for a list that stays as it is. Return: likewise; -ENOMEM. */
static int each_option_of_copy(const char *list, int (*fn)(void *arg, char *option), void *arg)
{
	char *copy = strdup(list);
	int r = copy ? each_option(copy, fn, arg) : -ENOMEM;

	free(copy);
	return r;
}

/* spool_options_remount() reads the lists of a remount again; nothing of this time is kept. */
static int set_options(struct given *given, char *list)
{
	if (given->options->action == SPOOL_ACTION_REMOUNT)
		return each_option_of_copy(list, set_option, given);
	return each_option(list, set_option, given);
}

static int parse_fd(struct given *given, const char *name, const char *value, int *ret)
{
	uint64_t number = 0;

	if (spool_parse_count(value, &number) < 0 || number > INT_MAX) {
		fprintf(given->errors,
			"spoolfs: --%s=%s: not a file descriptor (allowed: 0 to %d)\n", name, value,
			INT_MAX);
		return -EINVAL;
	}
	/* checked before we open a file ourselves, which might get its number */
	if (fcntl((int)number, F_GETFD) < 0) {
		fprintf(given->errors,
			"spoolfs: --%s=%s: not open (allowed: a descriptor that was passed on)\n",
			name, value);
		return -EINVAL;
	}
	*ret = (int)number;
	return 0;
}

static int parse_positional(struct given *given, int argc, char *argv[], int at)
{
	struct spool_options *options = given->options;

	if (argc - at < 1 || argc - at > 2) {
		fprintf(given->errors,
			"spoolfs: %d arguments: one mount point is needed (allowed: [SOURCE] "
			"MOUNTPOINT; see spoolfs --help)\n",
			argc - at);
		return -EINVAL;
	}
	options->mountpoint = argv[argc - 1];
	if (argc - at == 2 && strpbrk(argv[at], ",\\")) {
		/* it is passed on among the mount options, which these characters would end or join
		 */
		fprintf(given->errors,
			"spoolfs: %s: not a source (allowed: a name without comma and backslash)\n",
			argv[at]);
		return -EINVAL;
	}
	if (argc - at == 2 && !options->source && *argv[at])
		options->source = argv[at];
	if (!options->source)
		options->source = "spoolfs";
	return 0;
}

static int set_check(struct given *given)
{
	if (given->options->action == SPOOL_ACTION_REMOUNT) {
		fputs("spoolfs: --check: not for a remount (allowed: options of a new mount)\n",
		      given->errors);
		return -EINVAL;
	}
	if (given->options->action == SPOOL_ACTION_MOUNT)
		given->options->action = SPOOL_ACTION_CHECK;
	return 0;
}

static int parse_switch(struct given *given, int c, char *argv[])
{
	struct spool_options *options = given->options;

	switch (c) {
	case 'f':
		options->foreground = true;
		return 0;
	case 'd':
		options->debug = options->foreground = true;
		options->log_level = SPOOL_LOG_DEBUG;
		return 0;
	case 'o':
		return set_options(given, optarg);
	case 'h':
		options->action = SPOOL_ACTION_HELP;
		return 0;
	case 'V':
		options->action = SPOOL_ACTION_VERSION;
		return 0;
	case 'C':
		return set_check(given);
	case 'H':
		return parse_fd(given, "holder-fd", optarg, &options->holder_fd);
	case 'R':
		return parse_fd(given, "ready-fd", optarg, &options->ready_fd);
	case 'A':
		return parse_fd(given, "alive-fd", optarg, &options->alive_fd);
	case 'U':
		options->action = SPOOL_ACTION_CLEAR;
		options->mountpoint = optarg;
		return 0;
	case 'N':
		options->namespace = optarg;
		return 0;
	case ':':
		fprintf(given->errors, "spoolfs: %s: needs a value (allowed: see spoolfs --help)\n",
			argv[optind - 1]);
		return -EINVAL;
	default:
		fprintf(given->errors,
			"spoolfs: %s: unknown switch (allowed: see spoolfs --help)\n",
			argv[optind - 1]);
		return -EINVAL;
	}
}

static const struct option switches[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"check", no_argument, NULL, 'C'},
	{"holder-fd", required_argument, NULL, 'H'},
	{"ready-fd", required_argument, NULL, 'R'},
	{"alive-fd", required_argument, NULL, 'A'},
	{"unmount-dead", required_argument, NULL, 'U'},
	{"mount-namespace", required_argument, NULL, 'N'},
	{NULL, 0, NULL, 0},
};

/* The same for all lists on the command line. */
static int each_given(int argc, char *argv[], int (*fn)(void *arg, char *option), void *arg)
{
	int c, r = 0;

	optind = 0; /* glibc: start again */
	while (r == 0 && (c = getopt_long(argc, argv, ":fdo:hV", switches, NULL)) != -1) {
		if (c == 'o')
			r = each_option_of_copy(optarg, fn, arg);
	}
	return r;
}

static bool is_remount(const char *option)
{
	const struct option_entry *entry = find_option(option, strcspn(option, "="));

	return entry && strcmp(entry->name, "remount") == 0;
}

static int look_for_remount(void *arg, char *option)
{
	enum spool_action *action = arg;

	if (is_remount(option))
		*action = SPOOL_ACTION_REMOUNT;
	return 0;
}

struct remount {
	int (*fn)(void *arg, const char *option);
	void *arg;
};

/* mount(8) repeats all options of fstab, and adds its own. */
static int pass_on(void *arg, char *option)
{
	const struct remount *remount = arg;

	if (is_comment(option) || spool_option_means_nothing(option) || is_remount(option))
		return 0;
	return remount->fn(remount->arg, option);
}

int spool_options_remount(int argc, char *argv[], int (*fn)(void *arg, const char *option),
			  void *arg)
{
	struct remount remount = {.fn = fn, .arg = arg};

	return each_given(argc, argv, pass_on, &remount);
}

static int parse(int argc, char *argv[], const struct spool_machine *machine,
		 struct spool_options *ret, FILE *errors)
{
	struct given given = {
		.options = ret,
		.amounts = &ret->amounts,
		.machine = machine,
		.layout = -1,
		.modes = -1,
		.lifetime = -1,
		.errors = errors,
	};
	int c, r = 0;

	*ret = (struct spool_options){
		.holder_fd = -1,
		.ready_fd = -1,
		.hurry = 1,
		.patience = 1,
		.alive_fd = -1,
		.home = -1,
		.log_level = SPOOL_LOG_INFO,
		.machine_ram = machine->ram,
		.backing_fd = -1,
		.encrypt = true,
		.xattr = true,
		.nice = SPOOL_NICE_DEFAULT,
		.threshold = THRESHOLD,
		.detach = DETACH_S,
		.grace = GRACE_S,
		.config.linger_ms = LINGER_MS,
		.amounts = {UNSET_AMOUNT, UNSET_AMOUNT, UNSET_AMOUNT, UNSET_AMOUNT, UNSET_AMOUNT,
			    UNSET_AMOUNT, UNSET_AMOUNT},
	};
	r = each_given(argc, argv, look_for_remount, &ret->action);
	if (r < 0)
		fprintf(errors, "spoolfs: no memory for the options\n");
	optind = 0;
	while (r == 0 && (c = getopt_long(argc, argv, ":fdo:hV", switches, NULL)) != -1)
		r = parse_switch(&given, c, argv);
	if (r < 0 || ret->action == SPOOL_ACTION_HELP || ret->action == SPOOL_ACTION_VERSION ||
	    ret->action == SPOOL_ACTION_CLEAR)
		return r;
	if (ret->action == SPOOL_ACTION_REMOUNT)
		ret->source = NULL;
	r = parse_positional(&given, argc, argv, optind);
	if (r < 0 || ret->action == SPOOL_ACTION_REMOUNT)
		return r;
	if (r == 0)
		r = options_open_backing(&given);
	if (r == 0)
		r = options_resolve_layout(&given); /* the limits depend on it */
	if (r == 0)
		r = options_resolve_limits(&given);
	return r;
}

int spool_options_parse(int argc, char *argv[], const struct spool_machine *machine,
			struct spool_options *ret, FILE *errors)
{
	struct options_line line;
	int r;

	r = options_line_begin(&line, errors);
	if (r < 0)
		return r;
	r = parse(argc, argv, machine, ret, line.out);
	options_line_end(&line, errors);
	return r;
}

static int change(const struct spool_options *now, const char *option, struct spool_options *ret,
		  FILE *errors)
{
	const struct spool_machine machine = {.ram = now->machine_ram};
	struct given given = {
		.options = ret,
		.amounts = &ret->amounts,
		.machine = &machine,
		.now = now,
		.layout = -1,
		.modes = -1,
		.lifetime = -1,
		.errors = errors,
	};
	char *copy = strdup(option);
	int r = copy ? 0 : -ENOMEM;

	*ret = *now;
	if (r == 0)
		r = set_option(&given, copy);
	if (given.lifetime >= 0)
		ret->config.lifetime = (enum spool_lifetime)given.lifetime;
	if (r == 0)
		r = options_resolve_limits(&given);
	ret->source = now->source; /* not the equal text of the copy, which is freed */
	free(copy);
	return r;
}

int spool_options_change(const struct spool_options *now, const char *option,
			 struct spool_options *ret, FILE *errors)
{
	struct options_line line;
	int r;

	*ret = *now;
	r = options_line_begin(&line, errors);
	if (r < 0)
		return r;
	r = change(now, option, ret, line.out);
	options_line_end(&line, errors);
	return r;
}

void spool_options_help(FILE *out)
{
	fputs("usage: spoolfs [-f] [-d] [-o OPTION[,OPTION...]] [SOURCE] MOUNTPOINT\n"
	      "A filesystem of temporary files in RAM; everything is gone when it is unmounted.\n\n"
	      "  -f               stay in the foreground\n"
	      "  -d               log every request to standard error; implies -f\n"
	      "  -o OPTION,...    options, as in fstab\n"
	      "  --holder-fd=N    unmount and remove MOUNTPOINT when this descriptor ends, and\n"
	      "                   the directory that it is in when that is empty then\n"
	      "  --ready-fd=N     write \"ready\" and a newline there when mounted\n"
	      "  --alive-fd=N     keep this descriptor open in every process, to the end of the "
	      "last\n"
	      "  --check          say what is wrong with the options, and mount nothing\n"
	      "  --mount-namespace=FILE  mount there, and serve from here: /proc/1/ns/mnt\n"
	      "  --unmount-dead=DIR  unmount what a killed daemon has left there, and exit\n"
	      "  --help           print this and exit\n"
	      "  --version        print the version and exit\n\n"
	      "Options (with what this version allows):\n",
	      out);
	for (const struct option_entry *entry = spool_option_table; entry->name; entry++) {
		char left[48];

		if (!entry->help)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", entry->name, entry->values ? "=" : "",
			 entry->values ? entry->values : "");
		fprintf(out, "  %-36s %s (default: %s)\n", left, entry->help, entry->default_text);
	}
	fputs("\nSee spoolfs(8).\n", out);
}
