/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolctl's commands. Each gets its own argv (argv[0] is its name) and returns an exit status
 * (usage.h). */

int cmd_run(int argc, char *argv[]);
int cmd_status(int argc, char *argv[]);
int cmd_ls(int argc, char *argv[]);
int cmd_top(int argc, char *argv[]);
int cmd_why(int argc, char *argv[]);
int cmd_keep(int argc, char *argv[]);
int cmd_lifetime(int argc, char *argv[]);
int cmd_expire(int argc, char *argv[]);
int cmd_wipe(int argc, char *argv[]);
int cmd_session(int argc, char *argv[]);
int cmd_metrics(int argc, char *argv[]);
int cmd_doctor(int argc, char *argv[]);
int cmd_set(int argc, char *argv[]);
int cmd_spill(int argc, char *argv[]);
int cmd_debug(int argc, char *argv[]);
