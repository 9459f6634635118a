/* SPDX-License-Identifier: MIT */

/* spoolfs-csi(8): the plugin that gives pods of Kubernetes volumes of their own. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/options.h"
#include "common/usage.h"
#include "csi/grpc.h"
#include "csi/node.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/signals.h"

#define UNIX "unix://"

static const struct option long_options[] = {
	{"cgroup", required_argument, NULL, 'c'}, {"endpoint", required_argument, NULL, 'e'},
	{"help", no_argument, NULL, 'h'},         {"node-id", required_argument, NULL, 'n'},
	{"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolfs-csi",
	.help = "usage: spoolfs-csi --endpoint=unix://PATH --node-id=NAME [--cgroup=PATH] "
		"[-o OPTION,...]\n"
		"A node plugin of the Container Storage Interface: inline volumes of pods.\n\n"
		"  --endpoint=unix://PATH  the socket to listen on\n"
		"  --node-id=NAME          the name of the node in the cluster\n"
		"  --cgroup=PATH           of a control group for the daemons of volumes\n"
		"  -o OPTION,...           options of spoolfs(8) for all volumes\n"
		"  --help                  print this and exit\n"
		"  --version               print the version and exit\n\n"
		"See spoolfs-csi(8).",
	.allowed = "--endpoint=unix://PATH, --node-id=NAME, --cgroup=PATH, -o OPTION,..., --help, "
		   "--version",
	.short_options = ":o:",
	.long_options = long_options,
};

struct settings {
	const char *path; /* of the socket */
	char *options;
	struct node node;
};

static int failed(const char *what, int number)
{
	fprintf(stderr, "spoolfs-csi: %s: %s\n", what, strerror(number));
	return EXIT_FAILED;
}

/* A socket that nobody listens on is of one that was killed. */
static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t umask_before;
	int r;

	if (fd < 0)
		return -errno;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED)
		unlink(path);
	umask_before = umask(0177); /* root's alone, from the beginning */
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0
		    ? -errno
		    : 0;
	umask(umask_before);
	return r < 0 ? r : spool_steal_fd(&fd);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(struct settings *settings)
{
	const struct grpc_service service = {.call = node_call, .arg = &settings->node};
	spool_cleanup(fd) int signals = open_signals(), listener = -1;
	int r;

	if (signals < 0)
		return failed("signalfd", errno);
	listener = listen_on(settings->path);
	if (listener < 0)
		return failed(settings->path, -listener);
	r = grpc_serve(listener, signals, &service);
	unlink(settings->path);
	return r < 0 ? failed(settings->path, -r) : EXIT_OK;
}

/* Return: -1: all is there; an exit status. */
static int check(const struct settings *settings)
{
	if (!settings->path)
		return usage_error(&usage, NULL, "--endpoint is missing");
	if (!settings->node.id)
		return usage_error(&usage, NULL, "--node-id is missing");
	return -1;
}

/* Return: -1: go on; an exit status. */
static int read_switch(int c, struct settings *settings)
{
	switch (c) {
	case 'h':
		return EXIT_OK;
	case 'V':
		return puts("spoolfs-csi " SPOOL_VERSION) == EOF ? EXIT_FAILED : EXIT_OK;
	case 'e':
		if (strncmp(optarg, UNIX "/", strlen(UNIX "/")) != 0)
			return usage_error(&usage, optarg, "not an absolute path of a socket");
		settings->path = optarg + strlen(UNIX);
		return -1;
	case 'n':
		settings->node.id = optarg;
		return *optarg ? -1 : usage_error(&usage, NULL, "--node-id is empty");
	case 'c':
		settings->node.settings.cgroup = optarg;
		return -1;
	case 'o':
		return options_join(&settings->options, optarg) < 0 ? failed("-o", ENOMEM) : -1;
	default:
		return EXIT_USAGE;
	}
}

int main(int argc, char *argv[])
{
	struct settings settings = {.options = strdup("")};
	int c, r = settings.options ? -1 : failed("-o", ENOMEM);

	if (!spool_stdio_open())
		return EXIT_FAILED; /* there is nobody to tell */
	spool_signals_reset();
	while (r < 0 && (c = usage_next(&usage, argc, argv)) != -1)
		r = read_switch(c, &settings);
	if (r < 0 && optind < argc)
		r = usage_error(&usage, argv[optind], "not expected");
	if (r < 0)
		r = check(&settings);
	settings.node.settings.options = settings.options;
	if (r < 0)
		r = serve(&settings);
	free(settings.options);
	return r;
}
