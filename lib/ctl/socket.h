/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The daemon's socket for the host's administration, by which a mount can be asked that nobody here
 * can reach: it is detached, covered by another mount, or another user's, or requests hang.
 *
 * It is a SOCK_SEQPACKET socket, 0600, in a directory of the daemon's user, 0700. Its name is the
 * number of the mount's device, which no two mounts of a machine have at a time; one that a killed
 * daemon has left is replaced by the next daemon with that number. A packet to it is a struct
 * spool_ctl_message and the structure of the call (ctl/proto.h); the answer is the same, or the
 * former alone with an error. Calls about the mount as a whole are served, others are -EOPNOTSUPP.
 *
 * Who may call: the owner of a mount that an ordinary user has made, by his uid; and the host's
 * root. Uid 0 is not enough for that, as root of a container may have it as well. So the caller
 * must send the pid of the listening process (SO_PEERCRED) as his own (SCM_CREDENTIALS). The kernel
 * lets him do so only if he has CAP_SYS_ADMIN in the user namespace that owns his pid namespace,
 * and he can name that process only from the daemon's pid namespace or one above it (unix(7),
 * __scm_send() of Linux). No process needs to be looked at for that, and no pid can be used again
 * meanwhile. Everybody else is answered -EPERM.
 */

#include <stdint.h>
#include <sys/types.h>

/** struct spool_ctl_message - in front of the structure of a call
 * @version: SPOOL_CTL_VERSION, out: the daemon's; @call: SPOOL_IOC_...; @error: in: 0; out: 0 or
 * -errno: -EPERM, -EPROTO another version, -EOPNOTSUPP, -EINVAL, or of the call itself
 */
struct spool_ctl_message {
	uint32_t version;
	uint32_t call;
	int32_t error;
	uint32_t reserved;
};

/* Bytes of a path, with its NUL: the longest is "/run/user/4294967295/spoolfsd/4095:1048575" (20
 * bits of minor), and the daemon has a name beside it for a moment. */
#define SPOOL_CTL_SOCKET_PATH 80

/** spool_ctl_socket_dir() - the directory for the sockets of @uid's daemons: /run/spoolfsd for
 * root, else /run/user/UID/spoolfsd. */
void spool_ctl_socket_dir(uid_t uid, char ret[SPOOL_CTL_SOCKET_PATH]);

/** spool_ctl_socket_path() - that of the mount with number @device. */
void spool_ctl_socket_path(uid_t uid, dev_t device, char ret[SPOOL_CTL_SOCKET_PATH]);
