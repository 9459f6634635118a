/* SPDX-License-Identifier: MIT */
#pragma once

/* The volume plugin protocol of docker, which podman speaks as well: what is asked, and the answer,
 * both in JSON (docs.docker.com/engine/extend/plugins_volume). */

#include <stddef.h>

#include "volume/life.h"
#include "volume/mounting.h"

/** struct requests_answer - @text is from malloc(3); NULL: no memory */
struct requests_answer {
	unsigned int
		status; /* of HTTP: 200; 500: a volume cannot do that, as @text says; 400, 404 */
	char *text;
};

/**
 * requests_answer() - do what a request asks for
 * @dir: of the mount points, for the paths in answers
 * @path: "/VolumeDriver.Create"
 * @body: @size bytes, of anybody's making
 * @engine: who asks
 */
struct requests_answer requests_answer(struct life *life, const char *dir, const char *path,
				       const char *body, size_t size,
				       const struct volume_engine *engine);

/** requests_refuse() - the answer to what is no request at all. @why: one line */
struct requests_answer requests_refuse(unsigned int status, const char *why);
