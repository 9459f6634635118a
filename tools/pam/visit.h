/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * All that touches the mount is done in a process of its own. A daemon may hang, and then nothing
 * frees whoever has asked it, not even SIGKILL: that process is abandoned, and the login goes on.
 *
 * It has none of the login's descriptors, which an abandoned one would keep open, and does with
 * system calls alone what it does: other threads of the login may hold any lock of the C library.
 */

#include <sys/types.h>

#include "pam/cover.h"

/** struct visit - where to, for whom, and what is to be covered with his directory there */
struct visit {
	const char *mount;
	dev_t device; /* that must be there */
	struct cover cover;
};

/** enum visit_step - what has failed */
enum visit_step {
	VISIT_START, /* of the process */
	VISIT_TIME,
	VISIT_OPEN,
	VISIT_DEVICE,
	VISIT_ASK,
	VISIT_LAYOUT,
	VISIT_DIRECTORY,
	VISIT_NAMESPACE,
	VISIT_COVER,
	VISIT_BACK,
	VISIT_DONE,
};

/**
 * struct visit_found - what has come of it
 * @error: an errno, or 0
 * @cover: with COVER, and when it is done
 * @namespace, @root, @here: with places to be covered: a mount namespace in which they are, its
 *	root directory, and the working directory; -1 otherwise
 */
struct visit_found {
	enum visit_step step;
	int error;
	struct cover_result cover;
	int namespace, root, here;
};

/**
 * visit() - look at the mount, make the user's directory, and cover places with it
 * @limit_ms: after which the process is abandoned
 * @ret: to be closed with visit_close(), whatever has come of it
 */
void visit(const struct visit *visit, unsigned int limit_ms, struct visit_found *ret);

void visit_close(struct visit_found *found);

/** visit_reason() - what @step means. Return: a static string. */
const char *visit_reason(enum visit_step step);
