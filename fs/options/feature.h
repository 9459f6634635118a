/* SPDX-License-Identifier: MIT */
#pragma once

/* What we use of the kernel and can do without. */

#include <stdio.h>

/** Features of kernel and libfuse that can be masked, to test that we live without them */
enum spool_feature {
	SPOOL_FEATURE_TMPFILE = 1 << 0,
	SPOOL_FEATURE_READDIRPLUS = 1 << 1,
	SPOOL_FEATURE_RENAME2 = 1 << 2,
	SPOOL_FEATURE_COPY_FILE_RANGE = 1 << 3,
	SPOOL_FEATURE_FALLOCATE = 1 << 4,
	SPOOL_FEATURE_LSEEK = 1 << 5,
	SPOOL_FEATURE_DONT_MASK = 1 << 6,
	SPOOL_FEATURE_POSIX_ACL = 1 << 7,
	SPOOL_FEATURE_PARALLEL_DIROPS = 1 << 8,
	SPOOL_FEATURE_IOCTL_DIR = 1 << 9,
	SPOOL_FEATURE_ASYNC_READ = 1 << 10,
	SPOOL_FEATURE_ATOMIC_O_TRUNC = 1 << 11,
	SPOOL_FEATURE_KILLPRIV = 1 << 12,
	SPOOL_FEATURE_URING = 1 << 13,
	SPOOL_FEATURE_BACKING_TMPFILE = 1 << 14, /* O_TMPFILE in the backing directory */
	SPOOL_FEATURE_BACKING_DIRECT = 1 << 15,  /* direct I/O there */
	SPOOL_FEATURE_NOSWAP = 1 << 16,          /* a tmpfs that is not swapped */
	SPOOL_FEATURE_IDMAP = 1 << 17,           /* only wanted in shared */
	SPOOL_FEATURE_XATTR = 1 << 18,           /* extended attributes: xattr= */
	SPOOL_FEATURE_EPOCH = 1 << 19,           /* all cached names can be expired */
};
#define SPOOL_FEATURES_N 20

/** spool_feature_name() - "tmpfile" ... of feature bit number @i, or NULL beyond the last. */
const char *spool_feature_name(unsigned int i);

/**
 * spool_feature_mask() - reads "tmpfile+rename2", what a test masks
 * @text: names, with "+" between them; "": none
 * @ret_mask: enum spool_feature
 * Return: 0; -EINVAL (a line was written to @errors): a name is none of ours.
 */
int spool_feature_mask(const char *text, FILE *errors, unsigned int *ret_mask);
