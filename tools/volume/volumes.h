/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The volumes there are: their names and options, who holds them, what is known of their mounts.
 * Nothing here looks at the system.
 *
 * An engine (dockerd, podman) says Mount when it is about to use a volume, and Unmount afterwards,
 * each with an id that need not be one container's: docker cp comes with that of the running
 * container, and all containers of podman have the same. So ids are counted. What the engine said
 * counts for as long as it lives, as one that was killed never says Unmount.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of a name, without its NUL: NAME_MAX, as a directory has it. */
#define VOLUME_NAME_MAX 255u

/** VOLUME_NAME_ALLOWED - for messages; what docker allows, and podman's names of one character */
#define VOLUME_NAME_ALLOWED "[a-zA-Z0-9][a-zA-Z0-9_.-]*, 255 bytes at most"

/* Of a daemon: its supervisor and its worker; the mount ends with either. */
#define VOLUME_DAEMON_FDS 2

/** struct volume_engine - the process that has asked for a mount; pid 0: not known to us */
struct volume_engine {
	pid_t pid;
	uint64_t start; /* as of struct process: tells it from a later one */
};

/** struct volume_hold - one id, and how often it was mounted with it */
struct volume_hold {
	char *id;
	unsigned int count; /* > 0 */
	struct volume_engine engine;
};

/** struct volume - one; @daemon and what follows are not kept in the state file */
struct volume {
	char name[VOLUME_NAME_MAX + 1];
	char *options;   /* as given, "size=8m,noexec"; "" none */
	int64_t created; /* in s since 1970 */
	dev_t device;    /* of its filesystem; 0: not mounted */
	bool used;       /* somebody other than an engine has used this filesystem */
	bool removed;    /* its name is gone, and it goes with its last user */
	struct volume_hold *holds;
	size_t n_holds;
	int daemon[VOLUME_DAEMON_FDS]; /* as of struct volume_host; -1: not known */
	uint64_t look_ms;  /* when it is to be looked at again; 0: when something happens */
	uint64_t asked_ms; /* when it was mounted last; ms of CLOCK_MONOTONIC */
};

/** struct volumes - all of them; zero at the beginning */
struct volumes {
	struct volume **all;
	size_t n;
};

/** volume_name_is_right() - VOLUME_NAME_ALLOWED: it is the name of a directory, and never ".." */
bool volume_name_is_right(const char *name);

/** volumes_find() - by name, those too that are removed. Return: NULL: there is none. */
struct volume *volumes_find(const struct volumes *volumes, const char *name);

/** volumes_add() - @name is right, and there is none of that name. Return: NULL: no memory. */
struct volume *volumes_add(struct volumes *volumes, const char *name, const char *options);

/** volumes_drop() - take @volume out, and free it */
void volumes_drop(struct volumes *volumes, struct volume *volume);

/** volumes_free() - drop all */
void volumes_free(struct volumes *volumes);

/** volume_close_daemon() - close what @daemon has, if anything */
void volume_close_daemon(struct volume *volume);

/** volume_hold() - count one more Mount with @id. Return: 0; -ENOMEM. */
int volume_hold(struct volume *volume, const char *id, const struct volume_engine *engine);

/** volume_release() - count an Unmount with @id. Return: false: it was not held with it. */
bool volume_release(struct volume *volume, const char *id);

/** volume_drop_hold() - forget hold number @i, whatever its count; the last one gets its number */
void volume_drop_hold(struct volume *volume, size_t i);

/** volume_drop_holds() - forget all */
void volume_drop_holds(struct volume *volume);
