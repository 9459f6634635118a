/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolctl top on a terminal. */

#include <stdint.h>

#include "spoolctl/top_view.h"

/** struct top_options - what top shows, and how often */
struct top_options {
	const char *mountpoint; /* as it is shown */
	enum top_order order;
	uint32_t delay_s; /* between two samples, > 0 */
	uint64_t n;       /* samples; 0: until it is ended */
};

/**
 * top_screen() - show @fd's mount until "q" is pressed, the terminal goes, or a signal ends it
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT: the terminal is given back as it was, then the process ends
 * by them. Return: 0; -errno of the daemon's answer; -ENXIO: ncurses does not know the terminal.
 */
int top_screen(int fd, const struct top_options *options);
