/* SPDX-License-Identifier: MIT */
#include "ctl/socket.h"

#include <stdio.h>
#include <sys/sysmacros.h>

void spool_ctl_socket_dir(uid_t uid, char ret[SPOOL_CTL_SOCKET_PATH])
{
	if (uid == 0)
		snprintf(ret, SPOOL_CTL_SOCKET_PATH, "/run/spoolfsd");
	else
		snprintf(ret, SPOOL_CTL_SOCKET_PATH, "/run/user/%u/spoolfsd", uid);
}

void spool_ctl_socket_path(uid_t uid, dev_t device, char ret[SPOOL_CTL_SOCKET_PATH])
{
	char dir[SPOOL_CTL_SOCKET_PATH];

	spool_ctl_socket_dir(uid, dir);
	snprintf(ret, SPOOL_CTL_SOCKET_PATH, "%.48s/%u:%u", dir, major(device), minor(device));
}
