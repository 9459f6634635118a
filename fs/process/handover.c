/* SPDX-License-Identifier: MIT */
#include "process/handover.h"

#include <assert.h>
#include <errno.h>

#include "util/descriptors.h"

int spool_send_fd(int socket, int fd, dev_t device)
{
	assert(fd >= 0);
	return spool_pass_descriptor(socket, fd, &device, sizeof(device), 0);
}

int spool_receive_fd(int socket, dev_t *ret_device)
{
	int fd = spool_take_descriptor(socket, ret_device, sizeof(*ret_device));

	return fd == -EBADMSG ? -EPIPE : fd; /* it is a WORKER_OK: the supervisor gave up */
}
