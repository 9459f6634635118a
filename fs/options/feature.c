/* SPDX-License-Identifier: MIT */
#include "options/feature.h"

#include <errno.h>
#include <string.h>

static const char *const feature_names[SPOOL_FEATURES_N] = {
	"tmpfile",        "readdirplus",    "rename2",   "copy_file_range", "fallocate",
	"lseek",          "dont_mask",      "posix_acl", "parallel_dirops", "ioctl_dir",
	"async_read",     "atomic_o_trunc", "killpriv",  "uring",           "backing_tmpfile",
	"backing_direct", "noswap",         "idmap",     "xattr",           "epoch",
};

const char *spool_feature_name(unsigned int i)
{
	return i < SPOOL_FEATURES_N ? feature_names[i] : NULL;
}

int spool_feature_mask(const char *text, FILE *errors, unsigned int *ret_mask)
{
	unsigned int mask = 0;

	while (*text) {
		size_t len = strcspn(text, "+");
		unsigned int i = 0;

		while (i < SPOOL_FEATURES_N && (strlen(feature_names[i]) != len ||
						memcmp(feature_names[i], text, len) != 0))
			i++;
		if (i == SPOOL_FEATURES_N) {
			fprintf(errors,
				"spoolfs: SPOOLFS_MASK=%.*s: unknown feature (allowed: ", (int)len,
				text);
			for (i = 0; i < SPOOL_FEATURES_N; i++)
				fprintf(errors, "%s%s", i ? "+" : "", feature_names[i]);
			fputs(")\n", errors);
			return -EINVAL;
		}
		mask |= 1u << i;
		text += len;
		text += *text == '+';
	}
	*ret_mask = mask;
	return 0;
}
