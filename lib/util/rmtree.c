/* SPDX-License-Identifier: MIT */
#include "util/rmtree.h"

#include <ftw.h>
#include <stdio.h>

#define DESCRIPTORS 16 /* the most that nftw(3) has open; deeper trees take more time */

static int remove_one(const char *path, const struct stat *stat_buf, int type, struct FTW *ftw)
{
	(void)stat_buf;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void spool_rmtree(const char *path)
{
	nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
