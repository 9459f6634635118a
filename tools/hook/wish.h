/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the annotation of a container asks for: "10G", "size=10G,ram=1G,path=/scratch". A blank is
 * as good as a comma, which podman(1) takes for the end of the annotation.
 *
 * Whoever may annotate a container need not be the administrator (of a cluster, he is not). So the
 * names are only those that concern the container itself; where data go, and whether encrypted, is
 * not for him to say. The daemon judges the values.
 */

#include <stdio.h>

#define WISH_ANNOTATION "spoolfs.scratch"

/** struct wish - zero when unread */
struct wish {
	char *path;    /* in the container, absolute, without "..", "." and empty parts */
	char *options; /* for spoolfs(8), may be empty */
};

/**
 * wish_read() - read an annotation
 * @text: its value; empty: all as it is without being asked for
 * @ret: for wish_free(), also after a failure
 * Return: 0; -1 after a line to @errors.
 */
int wish_read(const char *text, struct wish *ret, FILE *errors);

void wish_free(struct wish *wish);
