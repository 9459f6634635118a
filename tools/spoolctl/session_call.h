/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolctl session begin and end. */

struct session_options;

/** session_begin(), session_end() - do it, and say so. Return: an exit status. */
int session_begin(const struct session_options *options);
int session_end(const struct session_options *options);
