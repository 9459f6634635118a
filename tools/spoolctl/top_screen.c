/* SPDX-License-Identifier: MIT */
#include "spoolctl/top_screen.h"

#include <errno.h>
#include <limits.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "spoolctl/top_sample.h"
#include "util/macros.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* They are taken from a descriptor, so that they come while it waits and at no other time. What the
 * caller has had ignored, as nohup(1) does, stays so. Return: the descriptor; -errno. */
static int catch_signals(void)
{
	struct sigaction old;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(ending); i++) {
		if (sigaction(ending[i], NULL, &old) < 0 || old.sa_handler != SIG_IGN)
			sigaddset(&set, ending[i]);
	}
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

/* Ends as the signal would have ended it. */
static void die_of(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	signal(number, SIG_DFL); /* ncurses has put in a handler of its own */
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

struct view {
	const struct top_options *options;
	enum top_order order;
	struct top_sample before, now;
	bool has_before, over;
	int signals; /* a signalfd */
	int caught;  /* which has ended it, 0: none */
};

static void draw(struct view *view)
{
	size_t rows = LINES > (int)TOP_HEAD_LINES ? (size_t)LINES - TOP_HEAD_LINES : 0, size;
	char *text = NULL, *line, *rest;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return; /* the next one may have the memory */
	top_sort(&view->now, view->order);
	top_print(out, view->options->mountpoint, view->has_before ? &view->before : NULL,
		  &view->now, rows);
	fclose(out);
	erase();
	rest = text;
	for (int y = 0; y < LINES && (line = strsep(&rest, "\n")); y++) {
		if (y == (int)TOP_HEAD_LINES - 1)
			attron(A_REVERSE);
		mvaddnstr(y, 0, line, COLS);
		attroff(A_REVERSE);
	}
	refresh();
	free(text);
}

static int sample(struct view *view, int fd)
{
	struct top_sample now;
	int r = top_ask(fd, &now);

	if (r < 0)
		return r;
	top_sample_free(&view->before);
	view->before = view->now;
	view->has_before = view->before.when_ms != 0;
	top_set_rates(view->has_before ? &view->before : NULL, &now);
	view->now = now;
	return 0;
}

/* All keys that have been pressed. None although there is input: the terminal has gone. */
static void take_keys(struct view *view)
{
	int key = getch();

	view->over |= key == ERR;
	for (; key != ERR; key = getch()) {
		int order = top_order_of_key(key);

		if (key == 'q' || key == 'Q')
			view->over = true;
		else if (order >= 0)
			view->order = (enum top_order)order;
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take_signal(struct view *view)
{
	struct signalfd_siginfo info;

	if (read(view->signals, &info, sizeof(info)) != sizeof(info))
		return;
	view->caught = (int)info.ssi_signo;
	view->over = true;
}

/* Until the next sample is due, draws again whenever a key or the terminal's size asks for it. */
static void wait_for_next(struct view *view)
{
	int64_t end = now_ms() + (int64_t)view->options->delay_s * 1000, left;

	while (!view->over && (left = end - now_ms()) > 0) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				       {.fd = view->signals, .events = POLLIN}};
		int n = poll(fds, SPOOL_ARRAY_SIZE(fds), left < INT_MAX ? (int)left : INT_MAX);

		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0 && fds[1].revents)
			take_signal(view);
		else if (n > 0 && !(fds[0].revents & POLLIN))
			view->over = true; /* a hangup */
		else if (n > 0)
			take_keys(view);
		else
			(void)getch(); /* the terminal's size: ncurses looks at it here */
		if (!view->over)
			draw(view);
	}
}

static int show(struct view *view, int fd)
{
	uint64_t n = view->options->n;
	int r = 0;

	for (uint64_t i = 0; r == 0 && !view->over && (n == 0 || i < n); i++) {
		r = sample(view, fd);
		if (r == 0) {
			draw(view);
			wait_for_next(view);
		}
	}
	return r;
}

int top_screen(int fd, const struct top_options *options)
{
	struct view view = {.options = options, .order = options->order};
	SCREEN *screen;
	int r;

	view.signals = catch_signals();
	if (view.signals < 0)
		return view.signals;
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		close(view.signals);
		return -ENXIO;
	}
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	r = show(&view, fd);
	endwin();
	delscreen(screen);
	close(view.signals);
	top_sample_free(&view.before);
	top_sample_free(&view.now);
	if (view.caught)
		die_of(view.caught);
	return r;
}
