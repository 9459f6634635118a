/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolfs(8) in the background, where who has started it does not stay. */

/**
 * background_mount() - mount on @dir, and serve in the background
 * @who: in front of our lines; NULL: nothing
 * @program: the daemon's path; NULL: the one that is installed beside us
 * @options: of -o
 * @source: what mount(8) shows as the device
 * @holder: of pidfd_open(2): when this process has ended the mount goes, and @dir with it; -1: none
 * @errors: descriptor that gets lines, the daemon's and ours
 * @cgroup: "cgroup.procs" of a control group for the daemon; NULL: ours
 * Return: 0: it is mounted; an exit status (EXIT_FAILED, EXIT_USAGE) after a line.
 */
int background_mount(const char *who, const char *program, const char *options, const char *source,
		     const char *dir, int holder, int errors, const char *cgroup);
