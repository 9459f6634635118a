/* SPDX-License-Identifier: MIT */
#include "security/permit.h"

#include <errno.h>
#include <sys/stat.h>

#include <linux/capability.h>

#define ALL_X (S_IXUSR | S_IXGRP | S_IXOTH)

static bool in_group(const struct spool_subject *subject, gid_t gid)
{
	return subject->gid == gid || subject->in_group(subject->ctx, gid);
}

static bool has(const struct spool_subject *subject, unsigned int cap,
		const struct spool_attr *attr)
{
	return subject->has(subject->ctx, cap, attr);
}

/* What the mode alone grants. The group matters only where it and all others have different bits.
 */
static bool mode_grants(const struct spool_subject *subject, const struct spool_attr *attr,
			unsigned int mask)
{
	unsigned int mode = attr->mode;

	if (subject->uid == attr->uid)
		mode >>= 6;
	else if (((mode ^ (mode >> 3)) & mask) && in_group(subject, attr->gid))
		mode >>= 3;
	return !(mask & ~mode & 07);
}

int spool_permit(const struct spool_subject *subject, const struct spool_attr *attr,
		 unsigned int mask)
{
	bool is_dir = S_ISDIR(attr->mode);

	if (mode_grants(subject, attr, mask))
		return 0;
	if ((is_dir ? !(mask & SPOOL_MAY_WRITE) : mask == SPOOL_MAY_READ) &&
	    has(subject, CAP_DAC_READ_SEARCH, attr))
		return 0;
	/* what nobody may execute is no program */
	if ((is_dir || !(mask & SPOOL_MAY_EXEC) || (attr->mode & ALL_X)) &&
	    has(subject, CAP_DAC_OVERRIDE, attr))
		return 0;
	return -EACCES;
}

int spool_permit_owner(const struct spool_subject *subject, const struct spool_attr *attr)
{
	return subject->uid == attr->uid || has(subject, CAP_FOWNER, attr) ? 0 : -EPERM;
}

int spool_permit_sticky(const struct spool_subject *subject, const struct spool_attr *dir,
			const struct spool_attr *attr)
{
	if (!(dir->mode & S_ISVTX) || subject->uid == dir->uid)
		return 0;
	return spool_permit_owner(subject, attr);
}

int spool_permit_link(const struct spool_subject *subject, const struct spool_attr *attr)
{
	bool safe = S_ISREG(attr->mode) && !(attr->mode & S_ISUID) &&
		    (attr->mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP);

	if (subject->uid == attr->uid)
		return 0;
	if (safe && spool_permit(subject, attr, SPOOL_MAY_READ | SPOOL_MAY_WRITE) == 0)
		return 0;
	return spool_permit_owner(subject, attr);
}

static int permit_chown(const struct spool_subject *subject, const struct spool_attr *attr,
			unsigned int set, const struct spool_attr *wanted)
{
	bool owns = subject->uid == attr->uid;
	bool uid_ok = !(set & SPOOL_SET_UID) || (owns && wanted->uid == attr->uid);
	bool gid_ok = !(set & SPOOL_SET_GID) ||
		      (owns && (wanted->gid == attr->gid || in_group(subject, wanted->gid)));

	return (uid_ok && gid_ok) || has(subject, CAP_CHOWN, attr) ? 0 : -EPERM;
}

static int permit_times(const struct spool_subject *subject, const struct spool_attr *attr,
			unsigned int set)
{
	const unsigned int touch = SPOOL_SET_ATIME_NOW | SPOOL_SET_MTIME_NOW;

	if ((set & touch) == touch && spool_permit(subject, attr, SPOOL_MAY_WRITE) == 0)
		return 0; /* touch(1): who may write may do that */
	if (spool_permit_owner(subject, attr) == 0)
		return 0;
	return (set & touch) == touch ? -EACCES : -EPERM;
}

int spool_permit_set(const struct spool_subject *subject, const struct spool_attr *attr,
		     unsigned int set, bool opened, struct spool_attr *wanted)
{
	const unsigned int times =
		SPOOL_SET_ATIME | SPOOL_SET_MTIME | SPOOL_SET_ATIME_NOW | SPOOL_SET_MTIME_NOW;
	gid_t gid = set & SPOOL_SET_GID ? wanted->gid : attr->gid;
	int r = 0;

	if ((set & SPOOL_SET_SIZE) && !opened)
		r = spool_permit(subject, attr, SPOOL_MAY_WRITE);
	if (r == 0 && (set & (SPOOL_SET_UID | SPOOL_SET_GID)))
		r = permit_chown(subject, attr, set, wanted);
	if (r == 0 && (set & SPOOL_SET_MODE))
		r = spool_permit_owner(subject, attr);
	if (r == 0 && (set & times) && !(set & SPOOL_SET_SIZE))
		r = permit_times(subject, attr, set);
	if (r == 0 && (set & SPOOL_SET_MODE) && (wanted->mode & S_ISGID) &&
	    !in_group(subject, gid) && !has(subject, CAP_FSETID, attr))
		wanted->mode &= ~(mode_t)S_ISGID;
	return r;
}

bool spool_permit_all_search(uid_t owner, const struct spool_attr *attr)
{
	const mode_t others = S_IXGRP | S_IXOTH;

	if (attr->uid == owner)
		return attr->mode & S_IXUSR;
	return (attr->mode & others) == others;
}
