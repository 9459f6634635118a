/* SPDX-License-Identifier: MIT */
#pragma once

/* The signals of our processes: as they are for a program of a fresh login, whoever starts it. */

/**
 * spool_signals_reset() - block and ignore no signal
 * Both are inherited across execve(2). Who starts us with signals blocked or ignored would take
 * away how our processes are stopped, interrupt each other's threads, and wait for their children.
 * For the beginning of a program that runs no others for users: those may expect what they inherit.
 */
void spool_signals_reset(void);
