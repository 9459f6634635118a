/* SPDX-License-Identifier: MIT */
#include "spoolctl/file_text.h"

#include <stdio.h>
#include <sys/stat.h>

#include "ctl/names.h"
#include "util/macros.h"
#include "util/text.h"

static const struct {
	mode_t type;
	const char *name, *suffix;
} types[] = {
	{S_IFREG, "file", ""},  {S_IFDIR, "directory", "/"}, {S_IFLNK, "symlink", "@"},
	{S_IFIFO, "fifo", "|"}, {S_IFSOCK, "socket", "="},   {S_IFCHR, "char", ""},
	{S_IFBLK, "block", ""},
};

const char *file_type(mode_t mode)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(types); i++) {
		if (types[i].type == (mode & S_IFMT))
			return types[i].name;
	}
	return "unknown";
}

const char *file_suffix(mode_t mode)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(types); i++) {
		if (types[i].type == (mode & S_IFMT))
			return types[i].suffix;
	}
	return "";
}

const char *file_lifetime(uint32_t lifetime)
{
	const char *name = spool_ctl_name(SPOOL_CTL_LIFETIMES, lifetime);

	return name ? name : "-";
}

const char *file_tier(uint64_t ram, uint64_t disk)
{
	if (ram && disk)
		return "ram+disk";
	return ram ? "ram" : disk ? "disk" : "-";
}

bool file_name_hex(const char *name, char *ret)
{
	const unsigned char *at = (const unsigned char *)name;
	size_t len;

	while (*at && (len = spool_text_utf8_length(at)) > 0)
		at += len;
	if (!*at)
		return false;
	for (at = (const unsigned char *)name; *at; at++, ret += 2)
		snprintf(ret, 3, "%02x", *at);
	return true;
}
