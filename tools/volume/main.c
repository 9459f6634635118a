/* SPDX-License-Identifier: MIT */

/* spoolfs-volume(8): a volume plugin for docker and podman. One thread does everything: no call
 * that it makes waits for a mount of its own, and each has its limit of time. */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/usage.h"
#include "util/descriptors.h"
#include "util/macros.h"
#include "util/signals.h"
#include "volume/arguments.h"
#include "volume/http.h"
#include "volume/life.h"
#include "volume/listen.h"
#include "volume/mounting.h"
#include "volume/places.h"
#include "volume/users.h"

struct plugin {
	struct arguments arguments;
	struct places places;
	struct mounting mounting;
	struct volume_host host;
	struct life life;
	struct http *http;
	int signals;
};

static int block_signals(void)
{
	sigset_t ours;

	signal(SIGPIPE, SIG_IGN); /* engines may go before they are answered */
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In ms, for poll(2): the first of what wants to do something. */
static int timeout(const struct plugin *plugin)
{
	int http = http_timeout(plugin->http), look = -1;
	uint64_t now = plugin->host.now_ms(plugin->host.ctx), next = plugin->life.look_ms;

	if (next)
		look = next <= now ? 0 : (int)spool_min_u64(next - now, INT_MAX);
	if (http < 0 || look < 0)
		return http < 0 ? look : http;
	return http < look ? http : look;
}

/* Return: false: no memory. */
static bool wait_for_work(const struct plugin *plugin, struct pollfd **fds, bool *ret_stop,
			  bool *ret_look)
{
	size_t n = plugin->life.n_watches + 2;
	struct pollfd *more = reallocarray(*fds, n, sizeof(*more));

	if (!more)
		return false;
	*fds = more;
	more[0] = (struct pollfd){.fd = plugin->signals, .events = POLLIN};
	more[1] = (struct pollfd){.fd = http_fd(plugin->http), .events = POLLIN};
	for (size_t i = 2; i < n; i++)
		more[i] = (struct pollfd){.fd = plugin->life.watches[i - 2], .events = POLLIN};
	if (poll(more, n, timeout(plugin)) < 0)
		return errno == EINTR;
	*ret_stop = more[0].revents != 0;
	for (size_t i = 2; i < n; i++)
		*ret_look |= more[i].revents != 0;
	return true;
}

/* A container may live for less than this thread waits for a CPU on a busy machine. While one is
 * expected, nothing but its looks at /proc is to be done, which take a quarter of the time at most.
 * Where this is not allowed it does without. */
static void set_priority(bool high)
{
	const struct sched_param param = {.sched_priority = high ? 1 : 0};

	if (sched_setscheduler(0, high ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER, &param) < 0)
		errno = 0;
}

static int serve(struct plugin *plugin)
{
	spool_cleanup(free) struct pollfd *fds = NULL;
	bool stop = false, high = false;

	while (!stop) {
		uint64_t next = plugin->life.look_ms;
		bool look = false;

		if (!wait_for_work(plugin, &fds, &stop, &look)) {
			fprintf(stderr, "spoolfs-volume: cannot wait: %s\n", strerror(errno));
			return EXIT_FAILED;
		}
		if (look || (next && next <= plugin->host.now_ms(plugin->host.ctx)))
			life_look(&plugin->life);
		http_run(plugin->http);
		if (plugin->life.expects != high)
			set_priority(high = plugin->life.expects);
		/* what an unmount that took too long has left, and as pid 1 of a container */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return EXIT_OK;
}

/* The options of all volumes are looked at now. Return: EXIT_OK; an exit status, after a line. */
static int check_defaults(const struct plugin *plugin)
{
	char why[LIFE_WHY];
	int r = plugin->host.check(plugin->host.ctx, "default", "", why, sizeof(why));

	if (r == 0)
		return EXIT_OK;
	fprintf(stderr, "%s\n", why);
	return r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static int start(struct plugin *plugin, struct listen_socket *socket)
{
	int r = places_open(plugin->arguments.directory, &plugin->places);

	if (r < 0)
		return EXIT_FAILED;
	strcpy(plugin->mounting.dir, plugin->places.volumes);
	plugin->mounting.defaults = plugin->arguments.defaults;
	daemon_path(plugin->mounting.program, sizeof(plugin->mounting.program));
	plugin->host = mounting_host(&plugin->mounting);
	r = check_defaults(plugin);
	if (r != EXIT_OK)
		return r;
	plugin->signals = block_signals();
	mounting_settle(plugin->places.volumes);
	r = life_init(&plugin->life, &plugin->host, plugin->places.state);
	if (r == 0 && listen_open(plugin->arguments.socket, socket) < 0)
		return EXIT_FAILED;
	if (r == 0)
		r = http_new(socket->fd, &plugin->life, plugin->places.volumes, &plugin->http);
	if (r < 0)
		fprintf(stderr, "spoolfs-volume: cannot start: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char *argv[])
{
	struct plugin plugin = {.places = {.dir = -1, .state = -1}, .signals = -1};
	struct listen_socket socket = {.fd = -1};
	int r;

	if (!spool_stdio_open())
		return EXIT_FAILED; /* there is nobody to tell */
	spool_signals_reset();
	r = arguments_read(argc, argv, &plugin.arguments);
	if (r == EXIT_OK && !plugin.arguments.done && geteuid() != 0) {
		fputs("spoolfs-volume: only root can mount volumes\n", stderr);
		r = EXIT_FAILED;
	} else if (r == EXIT_OK && !plugin.arguments.done && !users_may_look()) {
		fputs("spoolfs-volume: cannot see who uses volumes (allowed: with "
		      "CAP_SYS_PTRACE)\n",
		      stderr);
		r = EXIT_FAILED;
	}
	if (r == EXIT_OK && !plugin.arguments.done) {
		r = start(&plugin, &socket);
		if (r == EXIT_OK)
			r = serve(&plugin);
	}
	listen_remove(&socket);
	http_free(plugin.http);
	life_fini(&plugin.life);
	places_close(&plugin.places);
	spool_close(plugin.signals);
	free(plugin.arguments.defaults);
	return r;
}
