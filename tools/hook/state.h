/* SPDX-License-Identifier: MIT */
#pragma once

/* The state of a container (OCI runtime specification), which hooks of most stages are given. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "hook/input.h"

/** struct state - what is needed of it; the texts are the object's */
struct state {
	const char *id;     /* a file name */
	const char *bundle; /* an absolute path */
	pid_t pid;          /* of its first process; 0: there is none */
	bool is_over;       /* its processes have ended */
	bool is_new;        /* its program has not been started */
};

/** state_is_one() - is it a state, and not a configuration? */
bool state_is_one(json_object *object);

/** state_read() - Return: 0; -1 after a line to @errors. */
int state_read(json_object *object, struct state *ret, FILE *errors);
