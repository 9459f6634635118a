/* SPDX-License-Identifier: MIT */
#pragma once

/* Changing options of a live mount: spoolctl set, and mount -o remount. */

/**
 * change_option() - tell the daemon of @mountpoint
 * @program: for messages
 * @option: "name=value"
 * Return: 0; an exit status (usage.h), after a line: EXIT_USAGE when the daemon refuses the option.
 */
int change_option(const char *program, const char *mountpoint, const char *option);
