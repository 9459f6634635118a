/* SPDX-License-Identifier: MIT */
#include "host/record.h"

#include <errno.h>
#include <sys/mman.h>

#include "ctl/record.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* linux/memfd.h, since Linux 6.3; glibc 2.36 does not have it */
#endif

int spool_record_open(dev_t device, const struct spool_ctl_detached *detached,
		      const char *mountpoint)
{
	char name[SPOOL_CTL_RECORD_NAME];
	int fd;

	spool_ctl_record_name(device, detached, mountpoint, name);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
