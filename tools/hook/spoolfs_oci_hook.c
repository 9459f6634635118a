/* SPDX-License-Identifier: MIT */

/*
 * spoolfs-oci-hook(8): gives a container whose annotation asks for it a mount of its own.
 *
 * An engine or a runtime runs it at several stages, and what it is given tells at which: before the
 * container is made (precreate) its configuration, then (createRuntime) and at the end (poststop)
 * its state. All that lasts is made at createRuntime, when there is a process that it can be tied
 * to: the daemon holds a pidfd of it. So nothing has to be done at the end, and nothing is left
 * where nobody does it.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "common/background.h"
#include "common/mounts.h"
#include "common/options.h"
#include "common/usage.h"
#include "hook/attach.h"
#include "hook/config.h"
#include "hook/owner.h"
#include "hook/place.h"
#include "hook/say.h"
#include "hook/state.h"
#include "hook/wish.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/signals.h"

/* A daemon whose supervisor was killed is gone within 2 s. A guess with some room. */
#define END_MS 3000

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolfs-oci-hook",
	.help = "usage: spoolfs-oci-hook [-o OPTION,...] <CONFIGURATION|STATE\n"
		"A hook of container engines and runtimes. A container with the annotation\n"
		"spoolfs.scratch=SIZE gets a spoolfs mount of its own on /tmp.\n\n"
		"  -o OPTION,...  options of spoolfs(8) for all containers, whatever theirs say\n"
		"  --help         print this and exit\n"
		"  --version      print the version and exit\n\n"
		"See spoolfs-oci-hook(8).",
	.allowed = "-o OPTION,..., --help, --version",
	.short_options = ":o:",
	.long_options = long_options,
};

static int out_of_memory(void)
{
	hook_refuse(stderr, NULL, NULL, "out of memory");
	return EXIT_FAILED;
}

/* For all containers: the tree is one of many ids, and all that is in it is one user's. */
static char *options_of(const struct wish *wish, uid_t uid, gid_t gid, const char *more)
{
	spool_cleanup(free) char *list = NULL;

	if (asprintf(&list,
		     "layout=shared,user_size=100%%,user_inodes=100%%,user_ram=100%%,uid=%u,"
		     "gid=%u",
		     uid, gid) < 0)
		list = NULL;
	if (!list || options_join(&list, wish->options) < 0 || options_join(&list, more) < 0)
		return NULL;
	return spool_steal(list);
}

/* Return: the root directory of the container, to be freed; NULL after a line. */
static char *root_of(const struct state *state)
{
	char path[PATH_MAX];
	FILE *file = NULL;
	json_object *config, *root;
	const char *text;
	char *found = NULL;

	if (snprintf(path, sizeof(path), "%s/config.json", state->bundle) < (int)sizeof(path))
		file = fopen(path, "re");
	if (!file) {
		hook_refuse(stderr, "configuration", state->bundle, strerror(errno));
		return NULL;
	}
	config = input_read(file, "configuration", stderr);
	fclose(file);
	root = input_member(input_member(config, "root", json_type_object), "path",
			    json_type_string);
	text = root ? json_object_get_string(root) : NULL;
	if (config && !text)
		hook_refuse(stderr, "configuration", NULL, "has no root.path");
	else if (text && asprintf(&found, "%s%s%s", text[0] == '/' ? "" : state->bundle,
				  text[0] == '/' ? "" : "/", text) < 0)
		found = NULL;
	json_object_put(config);
	return found;
}

static int mount_for(const struct state *state, const struct wish *wish, const char *more,
		     char *dir)
{
	spool_cleanup(fd) int holder = pidfd_open(state->pid, 0);
	spool_cleanup(free) char *options = NULL;
	uid_t uid = 0;
	gid_t gid = 0;
	int r;

	r = holder < 0 ? -errno : owner_read(state->pid, &uid, &gid);
	if (r < 0) {
		hook_refuse(stderr, "process of the container", NULL, strerror(-r));
		return EXIT_FAILED;
	}
	options = options_of(wish, uid, gid, more);
	if (!options)
		return out_of_memory();
	r = place_make(PLACE_BASE, state->id, state->pid, dir);
	if (r == -EEXIST) { /* called at two stages, or left by a call that was killed */
		if (mounts_has(dir))
			return EXIT_OK;
	} else if (r < 0) {
		hook_refuse(stderr, "mount point", dir, strerror(-r));
		return EXIT_FAILED;
	}
	r = background_mount("spoolfs-oci-hook", NULL, options, "spoolfs-oci", dir, holder,
			     STDERR_FILENO, NULL);
	if (r != EXIT_OK)
		place_give_up(PLACE_BASE, dir);
	return r;
}

static int make(const struct state *state, const struct wish *wish, const char *more)
{
	spool_cleanup(free) char *root = root_of(state);
	char dir[PATH_MAX];
	int r;

	if (!root)
		return EXIT_FAILED;
	r = mount_for(state, wish, more, dir);
	/* where this fails the runtime kills the process, and with that the mount ends */
	if (r == EXIT_OK && attach_mount(dir, state->pid, root, wish->path, stderr) < 0)
		r = EXIT_FAILED;
	return r;
}

static int print(json_object *config)
{
	const char *text = json_object_to_json_string_ext(
		config, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return out_of_memory();
	if (puts(text) == EOF || fflush(stdout) == EOF) {
		hook_refuse(stderr, "standard output", NULL, strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* podman(1) throws away what is said at this stage. So a wrong annotation is no reason to fail yet:
 * the next stage does, and the runtime tells why. */
static int serve_config(json_object *config, const char *asked)
{
	struct wish wish = {0};
	int r = 0;

	if (asked && config_keep_errors(config, stderr) < 0)
		return EXIT_FAILED;
	if (asked && wish_read(asked, &wish, stderr) == 0)
		r = config_set_tmpdir(config, wish.path, stderr);
	wish_free(&wish);
	return r == 0 ? print(config) : EXIT_FAILED;
}

static int serve_state(json_object *object, const char *asked, const char *more)
{
	struct wish wish = {0};
	struct state state;
	int r = EXIT_FAILED;

	if (!asked)
		return EXIT_OK;
	if (state_read(object, &state, stderr) < 0)
		return EXIT_FAILED;
	if (state.is_over) {
		place_wait(PLACE_BASE, state.id, END_MS);
		return EXIT_OK;
	}
	if (wish_read(asked, &wish, stderr) == 0)
		r = make(&state, &wish, more);
	wish_free(&wish);
	return r;
}

/* A container that asks for nothing is left as it is. */
static int serve(json_object *given, const char *more)
{
	const char *asked;

	if (!json_object_object_get_ex(given, "ociVersion", NULL)) {
		hook_refuse(stderr, "standard input", NULL,
			    "no container's (allowed: its configuration or state)");
		return EXIT_FAILED;
	}
	if (config_annotation(given, WISH_ANNOTATION, &asked, stderr) < 0)
		return EXIT_FAILED;
	return state_is_one(given) ? serve_state(given, asked, more) : serve_config(given, asked);
}

/* Return: -1; an exit status. */
static int read_switches(int argc, char *argv[], char **options)
{
	int c;

	while ((c = usage_next(&usage, argc, argv)) != -1) {
		if (c == 'h')
			return EXIT_OK;
		if (c == 'V')
			return puts("spoolfs-oci-hook " SPOOL_VERSION) == EOF ? EXIT_FAILED
									      : EXIT_OK;
		if (c == '?')
			return EXIT_USAGE;
		if (options_join(options, optarg) < 0)
			return out_of_memory();
	}
	return optind < argc ? usage_error(&usage, argv[optind], "not expected") : -1;
}

int main(int argc, char *argv[])
{
	spool_cleanup(free) char *options = strdup("");
	json_object *given;
	int r, held;

	if (!spool_stdio_open())
		return EXIT_FAILED; /* there is nobody to tell */
	spool_signals_reset();
	r = options ? read_switches(argc, argv, &options) : out_of_memory();
	if (r >= 0)
		return r;
	held = hook_hold_lines();
	given = input_read(stdin, "standard input", stderr);
	r = given ? serve(given, options) : EXIT_FAILED;
	json_object_put(given);
	hook_show_lines(held, r != EXIT_OK);
	return r;
}
