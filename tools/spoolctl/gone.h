/* SPDX-License-Identifier: MIT */
#pragma once

/* Waiting for what is to go, or to be done to a tree. */

#include <stdbool.h>

/** Why it has failed when gone_wait() has said so. */
#define GONE_NOT "not all has gone within 30 s; it goes when it can"

/** gone_wait() - waits a little before it is looked again
 * @looks: 0 at first; counts. Return: false: for 30 s it has been looked in vain. */
bool gone_wait(unsigned int *looks);
