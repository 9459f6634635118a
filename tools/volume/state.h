/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is remembered of the volumes when the plugin ends: a file for each in a directory of /run,
 * which goes with the machine's memory, as the data do. A file is replaced in one step, and one
 * that cannot be used costs its volume alone: that is forgotten, with a line.
 */

#include "volume/volumes.h"

/**
 * state_save() - write what is known of @volume
 * @dir: the directory, open
 * Return: 0; -errno with the old file unchanged: -EFBIG: more holds than are read again.
 */
int state_save(int dir, const struct volume *volume);

/** state_remove() - forget @volume. Return: 0, also when nothing was known; -errno. */
int state_remove(int dir, const struct volume *volume);

/**
 * state_load() - add all volumes that @dir tells of
 * A file that is no volume's is removed, with a line on standard error.
 * Return: 0; -ENOMEM; -errno of reading the directory or a file, which stays.
 */
int state_load(int dir, struct volumes *volumes);
