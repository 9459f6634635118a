/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queues and threads of a mount: the requests that wait, what goes on in the background, and
 * the transport when it ends. They are made and ended in an order, which stands here.
 */

#include <stdbool.h>

struct spool_fs;

/**
 * spool_services_start() - all but the transport, which needs a mount; fs->engine is there
 * Return: 0; -errno: spool_services_stop() ends those that have been started.
 */
int spool_services_start(struct spool_fs *fs);

/**
 * spool_services_stop() - answer what waits, end the transport and all threads, and free them
 * Return: true; false: a thread is left that only the end of the connection frees, so what it uses
 * (@fs, the session) must stay.
 */
bool spool_services_stop(struct spool_fs *fs);
