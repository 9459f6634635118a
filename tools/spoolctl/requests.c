/* SPDX-License-Identifier: MIT */
#include "spoolctl/requests.h"

#include <errno.h>
#include <stdio.h>

#include "common/json.h"
#include "ctl/client.h"

/* Names of the operations, by number: enum fuse_opcode of linux/fuse.h (protocol 7.45). */
static const char *const names[SPOOL_CTL_OPCODES] = {
	[1] = "LOOKUP",        [2] = "FORGET",
	[3] = "GETATTR",       [4] = "SETATTR",
	[5] = "READLINK",      [6] = "SYMLINK",
	[8] = "MKNOD",         [9] = "MKDIR",
	[10] = "UNLINK",       [11] = "RMDIR",
	[12] = "RENAME",       [13] = "LINK",
	[14] = "OPEN",         [15] = "READ",
	[16] = "WRITE",        [17] = "STATFS",
	[18] = "RELEASE",      [20] = "FSYNC",
	[21] = "SETXATTR",     [22] = "GETXATTR",
	[23] = "LISTXATTR",    [24] = "REMOVEXATTR",
	[25] = "FLUSH",        [26] = "INIT",
	[27] = "OPENDIR",      [28] = "READDIR",
	[29] = "RELEASEDIR",   [30] = "FSYNCDIR",
	[31] = "GETLK",        [32] = "SETLK",
	[33] = "SETLKW",       [34] = "ACCESS",
	[35] = "CREATE",       [36] = "INTERRUPT",
	[37] = "BMAP",         [38] = "DESTROY",
	[39] = "IOCTL",        [40] = "POLL",
	[42] = "BATCH_FORGET", [43] = "FALLOCATE",
	[44] = "READDIRPLUS",  [45] = "RENAME2",
	[46] = "LSEEK",        [47] = "COPY_FILE_RANGE",
	[50] = "SYNCFS",       [51] = "TMPFILE",
	[52] = "STATX",        [53] = "COPY_FILE_RANGE_64",
};

const char *requests_name(uint32_t opcode, char buf[16])
{
	if (opcode < SPOOL_CTL_OPCODES && names[opcode])
		return names[opcode];
	snprintf(buf, 16, "%u", opcode);
	return buf;
}

int requests_json(int fd, struct json *json)
{
	struct spool_ctl_requests requests = {.version = SPOOL_CTL_VERSION};
	int r = spool_ctl_call(fd, SPOOL_IOC_REQUESTS, &requests);

	if (r < 0)
		return r == -EPERM ? 0 : r;
	json_open(json, "requests_by_operation", '{');
	for (unsigned int i = 0; i < SPOOL_CTL_OPCODES; i++) {
		char number[16];

		if (requests.counts[i] == 0)
			continue;
		json_number(json, requests_name(i, number), requests.counts[i]);
	}
	json_close(json, '}');
	return 0;
}
