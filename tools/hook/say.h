/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Lines on standard error: the runtime shows them to whoever has started the container, runc(8)
 * always, crun(1) not with all engines. So what has failed is in the system's log, too.
 */

#include <stdbool.h>
#include <stdio.h>

/**
 * hook_refuse() - say in one line what cannot be
 * @errors: gets the line
 * @what: what it is about; NULL: nothing
 * @value: as it was given, by anybody; NULL: nothing
 * @why: what is wrong, and what is allowed
 * Return: -1, so that it can be returned.
 */
int hook_refuse(FILE *errors, const char *what, const char *value, const char *why);

/**
 * hook_hold_lines() - keep back what is written to standard error, by our children as well
 * Return: for hook_show_lines(); -1: it cannot be kept, and is shown as it comes.
 */
int hook_hold_lines(void);

/**
 * hook_show_lines() - write to standard error what was kept back
 * @held: of hook_hold_lines(), closed
 * @failed: also to the system's log
 */
void hook_show_lines(int held, bool failed);
