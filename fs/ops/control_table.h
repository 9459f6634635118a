/* SPDX-License-Identifier: MIT */
#pragma once

/* All calls of the control interface (ctl/proto.h), by their numbers. */

#include <stdbool.h>

struct control_call;

/**
 * struct control_entry - one call
 * @number: SPOOL_IOC_..., which includes the size of what goes in and out
 * @by_socket: it is about the mount as a whole and needs no request, so that it may come by the
 *	socket for administration as well
 */
struct control_entry {
	unsigned int number;
	void (*fn)(struct control_call *call);
	bool by_socket;
};

/** control_find() - Return: the call; NULL: there is none of this number. */
const struct control_entry *control_find(unsigned int number);
