/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When a volume's filesystem is wiped, which is to unmount it.
 *
 * 1. It is mounted when an engine says Mount.
 * 2. It is held as long as Mounts outnumber Unmounts, of engines that live.
 * 3. It is used as long as somebody has a copy of the mount (users.h) or files of it open.
 * 4. It is wiped when it is neither, and has been used, or is removed.
 *
 * "Has been used" is there because docker mounts and unmounts a volume when it makes a container,
 * to copy the image's files to it, and mounts it again when the container starts, at once or weeks
 * later: until a container has been there, what is in a volume is for the first one. A container
 * is noticed by looking at all processes again and again from its Mount on. One that ends sooner is
 * missed: then the volume keeps what is in it for the next container, or until it is removed. In
 * doubt data stay.
 *
 * Nothing waits for a time: the end of an engine, or of a process with a copy, is told by pidfds.
 * Only what no process stands for is looked at again and again: files that are open on the host.
 */

#include "volume/host.h"
#include "volume/volumes.h"

/** struct life - the plugin's state */
struct life {
	struct volumes volumes;
	const struct volume_host *host;
	int state;    /* directory of the state files, open */
	int *watches; /* pidfds: each is readable when something is to be looked at */
	size_t n_watches;
	uint64_t look_ms; /* when to look again, whatever happens; 0: not */
	bool expects;     /* a container is about to start, and may be gone soon */
	bool blind;       /* users were not to be found at the last look */
};

/** life_look() - see who uses the volumes, and wipe what can go: when one of @watches is readable,
 * at @look_ms, and after all that engines say */
void life_look(struct life *life);

/**
 * life_see_mount() - what has become of the mount of @volume
 * What others have unmounted, or whose daemon has ended, is not mounted any more, and leaves no
 * mount point.
 */
void life_see_mount(const struct life *life, struct volume *volume);

/** life_save() - write the state of @volume, or a line that says why not. Return: 0; -errno. */
int life_save(const struct life *life, const struct volume *volume);

/** life_forget() - free @volume, and its state file */
void life_forget(struct life *life, struct volume *volume);

/** life_was_unmounted() - @volume is to be as one that was never mounted, but for its holds */
void life_was_unmounted(struct volume *volume);
