/* SPDX-License-Identifier: MIT */
#pragma once

/* spoolfs(8) as a child: what it says on standard error is for whoever has started the container.
 */

/**
 * run_mount() - mount on @dir, and serve in the background
 * @holder: of pidfd_open(2): when this process has ended the mount goes, and @dir with it
 * Return: 0: it is mounted; an exit status after a line, and @dir may be there or not.
 */
int run_mount(const char *options, int holder, const char *dir);
